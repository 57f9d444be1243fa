import { type SlowProxy, startSlowProxy } from '@errand/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { RUN_PATH, startTestGateway, TENANT, type TestGateway } from './gateway.ts';

/* The servers are there and slow: what is taken is taken once, and whoever waits is answered. */

const APPEND_TIMEOUT_MS = 1_500;
/** Beside what the log may take: a key is recorded before, and the machine is busy. */
const PATIENCE_MS = 10_000;

let gateway: TestGateway;
let requested = 0;
let nats: SlowProxy;
let postgres: SlowProxy;
beforeAll(async () => {
  gateway = await startTestGateway(async ({ natsUrl, databaseUrl }) => {
    nats = await startSlowProxy(natsUrl);
    postgres = await startSlowProxy(databaseUrl);
    return { natsUrl: nats.url, databaseUrl: () => postgres.url, appendTimeoutMs: APPEND_TIMEOUT_MS };
  });
});
afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
  await nats?.[Symbol.asyncDispose]();
  await postgres?.[Symbol.asyncDispose]();
});

function run(key: string) {
  const headers = { 'idempotency-key': key };
  return gateway.call(RUN_PATH, {
    body: { tilt_deg: 1 },
    headers,
    timeoutMs: APPEND_TIMEOUT_MS + PATIENCE_MS,
  });
}

test.each([200, 700, 2_000])(
  'runs by a log that takes %i ms each way are taken once or answered 503',
  async (delayMs) => {
    const keys = Array.from({ length: 40 }, (_, index) => `${delayMs}-${index}`);
    nats.delayMs = delayMs;
    const first = await Promise.all(keys.map(run));
    nats.delayMs = 0;
    expect(first.every(({ status }) => [202, 503].includes(status))).toBe(true);
    const jobs = new Set<string>();
    for (const [index, key] of keys.entries()) {
      await expect.poll(async () => (await run(key)).status, { timeout: 30_000 }).toBe(202);
      const { json } = await run(key);
      if (first[index]?.status === 202) expect(json.job_id).toBe(first[index].json.job_id);
      jobs.add(json.job_id);
      expect(await gateway.bus.jobs.read({ tenantId: TENANT, jobId: json.job_id })).toHaveLength(1);
    }
    expect(jobs.size).toBe(keys.length);
    const { firstVersion, lastVersion } = await gateway.bus.jobs.range();
    requested += keys.length;
    expect(lastVersion - firstVersion + 1).toBe(requested);
  },
);
test('status calls by a slow Postgres are answered from the log, and lists are 503', async () => {
  const { json } = await run('status');
  postgres.delayMs = 2_000;
  const [status, list] = await Promise.all([
    gateway.call(json.links.status),
    gateway.call(`/v2/tenants/${TENANT}/jobs`),
  ]);
  postgres.delayMs = 0;
  expect([status.status, status.json.job_id]).toEqual([200, json.job_id]);
  expect([list.status, list.json.code]).toEqual([503, 'database_unavailable']);
});
