import { createLogger, createOps } from '@errand/runtime';
import { afterEach, expect, test, vi } from 'vitest';
import { type Exchange, recordExchanges } from './request-log.ts';

const log = createLogger({ service: 'test', level: 'info' });
const written = { info: vi.spyOn(log, 'info'), debug: vi.spyOn(log, 'debug') };
afterEach(() => vi.clearAllMocks());

async function exchange(status: number, learn: (exchange: Exchange) => void = () => {}) {
  const ops = createOps({ service: 'test', checks: () => ({}) });
  const fetch = recordExchanges({ log, metrics: ops.metrics })((_request, exchange) => {
    learn(exchange);
    return new Response(null, { status });
  });
  await fetch(new Request('http://host/x', { method: 'POST', headers: { 'x-request-id': 'r-1' } }));
  return ops.metrics.metrics();
}

test('what went wrong here is logged at info, in one line', async () => {
  await exchange(503, (seen) => {
    Object.assign(seen, {
      route: '/r',
      tenantId: 'acme',
      jobId: 'j',
      code: 'log_unavailable',
      reason: 'down',
    });
  });
  expect(written.info).toHaveBeenCalledExactlyOnceWith(
    expect.objectContaining({
      method: 'POST',
      route: '/r',
      status: 503,
      tenant_id: 'acme',
      job_id: 'j',
      request_id: 'r-1',
      code: 'log_unavailable',
      reason: 'down',
      duration_ms: expect.any(Number),
    }),
    'request',
  );
});

test('other requests are not logged at info', async () => {
  await exchange(404);
  expect([written.info, written.debug].map((spy) => spy.mock.calls.length)).toEqual([0, 0]);
});

test('each request is counted by route, method and status', async () => {
  const text = await exchange(202, (seen) => {
    seen.route = '/r';
  });
  expect(text).toContain(
    'errand_http_request_duration_seconds_count{service="test",route="/r",method="POST",status="202"} 1',
  );
});
