import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createTestDatabase, type Receiver, startReceiver, startTestNats, waitUntil } from '@errand/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Caller, createCaller } from './caller.ts';
import { attributeOf, exportedSpans } from './exported-spans.ts';
import { startSystem } from './system.ts';

/* One trace from a caller over the gateway, each attempt and the webhook call to its receiver, as an OTLP/HTTP receiver gets it. */

const CALLER = { traceId: '4bf92f3577b34da6a3ce929d0e0e4736', spanId: '00f067aa0ba902b7' };
const ACTION = `import { defineAction, z } from '@errand/actions';
export const action = defineAction({
  name: 'second_try', retry: { maxAttempts: 2, firstDelayMs: 10 },
  input: z.object({}), result: z.object({ traceparent: z.string() }),
  run: ({ attempt, traceparent }) => {
    if (attempt === 1) throw new Error('not yet');
    return { traceparent };
  },
});
`;

const resources = new AsyncDisposableStack();
let collector: Receiver;
let caller: Caller;
beforeAll(async () => {
  // Inside the repository, where action files can resolve their imports.
  const ignored = join(import.meta.dirname, '..', '..', '.errand');
  await mkdir(ignored, { recursive: true });
  const folder = await mkdtemp(join(ignored, 'traced-'));
  resources.defer(() => rm(folder, { recursive: true, force: true }));
  await writeFile(join(folder, 'action.ts'), ACTION);
  collector = resources.use(await startReceiver());
  const { url: natsUrl } = resources.use(await startTestNats());
  const { url: databaseUrl } = resources.use(await createTestDatabase());
  const settings = {
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    ERRAND_ACTIONS: folder,
  };
  const system = resources.use(await startSystem({ natsUrl, databaseUrl }, settings));
  caller = resources.use(await createCaller(system, 'traced'));
});
afterAll(() => resources.disposeAsync());

/** What the services have exported of one trace. */
const exported = (traceId: string) => exportedSpans(collector).filter((span) => span.traceId === traceId);

test('one trace leads from a caller to the receiver of its webhook, over every attempt', async () => {
  const receiver = resources.use(await startReceiver());
  await caller.createWebhook({ url: `${receiver.url}/told` });
  const traceparent = `00-${CALLER.traceId}-${CALLER.spanId}-01`;
  const headers = { traceparent, prefer: 'wait=30' };
  const { body: run } = await caller.call('POST', '/v2/tenants/traced/second_try/run', {}, headers);
  const { job_id: jobId, results } = run as { job_id: string; results: { traceparent: string } };
  const told = await receiver.waitFor(() => true);
  const spans = await waitUntil(() => {
    const seen = exported(CALLER.traceId);
    return seen.length >= 5 ? seen : undefined;
  });

  const named = (name: string) => spans.filter((span) => span.name === name);
  const [server] = spans.filter(({ kind }) => kind === 2);
  const [send] = named('send second_try');
  const [first, second] = named('process second_try');
  const [call] = named('POST');
  expect(spans.map(({ name }) => name).toSorted()).toEqual(
    [server?.name, 'send second_try', 'process second_try', 'process second_try', 'POST'].toSorted(),
  );
  expect(server?.name).toBe('POST /v2/tenants/{tenant_id}/{resource}/{action}/run');
  expect([server?.service, server?.parentSpanId]).toEqual(['errand-gateway', CALLER.spanId]);
  expect([send?.kind, send?.parentSpanId]).toEqual([4, server?.spanId]);
  for (const attempt of [first, second]) {
    expect([attempt?.kind, attempt?.service, attempt?.parentSpanId]).toEqual([
      5,
      'errand-executor',
      send?.spanId,
    ]);
  }
  expect(first?.status.code).toBe(2);
  expect(second?.links).toMatchObject([{ traceId: CALLER.traceId, spanId: first?.spanId }]);
  expect(results.traceparent).toBe(`00-${CALLER.traceId}-${second?.spanId}-01`);
  expect([call?.kind, call?.service, call?.parentSpanId]).toEqual([3, 'errand-webhooks', second?.spanId]);
  expect(told?.headers.traceparent).toBe(`00-${CALLER.traceId}-${call?.spanId}-01`);
  for (const span of spans)
    expect([span.name, attributeOf(span, 'errand.job_id')]).toEqual([span.name, jobId]);

  // The read model takes what they wrote in batches, which are traces of their own.
  const writers = [send, first, second].map((span) => span?.spanId);
  const batches = await waitUntil(() => {
    const taken = exportedSpans(collector).filter(({ service }) => service === 'errand-projection');
    const linked = taken.flatMap(({ links = [] }) => links.map(({ spanId }) => spanId));
    return writers.every((spanId) => linked.includes(String(spanId))) ? taken : undefined;
  });
  for (const batch of batches) {
    expect([batch.name, batch.kind, batch.parentSpanId]).toEqual(['process JOBS', 5, undefined]);
    expect(attributeOf(batch, 'messaging.batch.message_count')).toBeGreaterThan(0);
  }
});

test('what a caller does not want traced is not exported, and handed on all the same', async () => {
  const traceId = '0af7651916cd43dd8448eb211c80319c';
  const headers = { traceparent: `00-${traceId}-b7ad6b7169203331-00`, prefer: 'wait=30' };
  const { body } = await caller.call('POST', '/v2/tenants/traced/second_try/run', {}, headers);
  expect((body as { results: { traceparent: string } }).results.traceparent).toMatch(
    new RegExp(`^00-${traceId}-[0-9a-f]{16}-00$`),
  );
  // A later one that is wanted is there.
  const wanted = 'a'.repeat(32);
  const later = { traceparent: `00-${wanted}-b7ad6b7169203331-01`, prefer: 'wait=30' };
  await caller.call('POST', '/v2/tenants/traced/second_try/run', {}, later);
  await waitUntil(() => (exported(wanted).length >= 4 ? true : undefined));
  expect(exported(traceId)).toEqual([]);
  const links = exportedSpans(collector).flatMap((span) => span.links ?? []);
  expect(links.map((link) => link.traceId)).not.toContain(traceId);
});
