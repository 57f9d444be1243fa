import { randomUUIDv7 } from 'node:crypto';
import type { WebhookAnswer, WebhookRequest } from '@errand/contracts';
import type { Endpoints } from './endpoints/directory.ts';
import { sendAttempt } from './sending/attempt.ts';
import { outcomeOf } from './sending/outcome.ts';
import type { Sending } from './sending/sender.ts';
import { targetOfEndpoint } from './sending/target.ts';

/**
 * Calls an endpoint once with a `webhook.test` event: the same request, signature and gate as any delivery, so a test
 * that succeeds says something. It is stored nowhere, is never repeated, and works for paused and disabled endpoints.
 */
export async function sendTest(
  request: WebhookRequest<'test'>,
  deps: { endpoints: Endpoints; sending: Sending; now: () => number },
): Promise<WebhookAnswer<'test'>> {
  const { tenant_id, endpoint_id } = request;
  await deps.endpoints.caughtUp();
  const endpoint = deps.endpoints.find(tenant_id, endpoint_id);
  if (!endpoint) return { kind: 'refused', code: 'unknown_endpoint' };
  const nowMs = deps.now();
  const event_id = randomUUIDv7();
  const timestamp = new Date(nowMs).toISOString();
  const message = {
    event_id,
    tenant_id,
    job_id: event_id,
    action: 'test',
    status: 'test',
    body: JSON.stringify({ type: 'webhook.test', timestamp, data: { tenant_id, endpoint_id } }),
  };
  const began = performance.now();
  const sent = await sendAttempt(
    { message, target: targetOfEndpoint(endpoint), attempt: 1, trigger: 'test', nowMs },
    deps.sending,
  );
  const { exchange, requestHeaders } = sent;
  if (exchange.kind === 'abandoned') throw new Error('stopped during a test');
  const outcome = outcomeOf(exchange, {
    nowMs: deps.now(),
    maxRetryAfterMs: deps.sending.maxRetryAfterMs,
  });
  return {
    kind: 'attempted',
    event_id,
    outcome: outcome.kind,
    started_at: timestamp,
    duration_ms: Math.round(performance.now() - began),
    status: exchange.status,
    error_code: outcome.kind === 'failed' ? outcome.errorCode : null,
    request_headers: requestHeaders,
    response: exchange.kind === 'answered' ? exchange.response : null,
  };
}
