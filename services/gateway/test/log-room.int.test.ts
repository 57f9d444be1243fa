import { openBus } from '@errand/bus';
import { DEFAULT_TOPOLOGY, executorConsumer, type JobFact } from '@errand/contracts';
import { startTestScheduler, waitUntil } from '@errand/testkit';
import { expect, test } from 'vitest';
import { RUN_PATH, SIMULATE, STARTED, SUCCEEDED, startTestGateway, TENANT } from './gateway.ts';

const ALMOST_A_TENTH = 98_000;

test('runs are refused while there is still room for what becomes of the jobs that run', async () => {
  await using gateway = await startTestGateway();
  const resize = async (jobsMaxBytes: number) => {
    const topology = { ...DEFAULT_TOPOLOGY, jobsMaxBytes };
    await using _ = await openBus({ servers: gateway.nats.url, name: 'test', topology });
  };
  await resize(1_000_000);
  const run = (anything = '', headers = {}) =>
    gateway.call(RUN_PATH, { body: { tilt_deg: 30, anything }, headers });
  const key = { 'idempotency-key': 'first' };
  const jobs = [await run('x'.repeat(ALMOST_A_TENTH), key)];
  while (jobs.length < 8) jobs.push(await run('x'.repeat(ALMOST_A_TENTH)));
  expect(jobs.map(({ status }) => status)).toEqual(jobs.map(() => 202));

  await expect.poll(async () => (await run()).status, { timeout: 10_000 }).toBe(503);
  const refused = await run();
  expect([refused.json.code, refused.headers.get('retry-after')]).toEqual(['log_nearly_full', '30']);
  const batch = { items: [{ tilt_deg: 30 }] };
  const batchPath = RUN_PATH.replace(/run$/, 'run-batch');
  expect((await gateway.call(batchPath, { body: batch })).json.code).toBe('log_nearly_full');
  expect((await gateway.call('/metrics')).text).toMatch(/errand_log_fill_ratio\{[^}]*\} 0\.[789]/);

  // What was accepted is told again, can be canceled, and can end.
  const again = await run('x'.repeat(ALMOST_A_TENTH), key);
  expect([again.status, again.json.job_id]).toEqual([202, jobs[0]?.json.job_id]);
  const [canceled, ...others] = jobs.map(({ json }) => json);
  expect(
    (await gateway.call(`/v2/tenants/${TENANT}/jobs/${canceled.job_id}/cancel`, { body: {} })).status,
  ).toBe(200);
  for (const { job_id, version } of others) {
    const started = await gateway.append(job_id, version, STARTED);
    await gateway.append(job_id, started ?? 0, SUCCEEDED);
    const status = (await gateway.call(`/v2/tenants/${TENANT}/jobs/${job_id}`)).json;
    expect(status).toMatchObject({ status: 'succeeded', version: expect.any(Number) });
  }
  const retry = `/v2/tenants/${TENANT}/jobs/${canceled.job_id}/retry`;
  expect((await gateway.call(retry, { body: {} })).json.code).toBe('log_nearly_full');

  await resize(10_000_000);
  await expect.poll(async () => (await run()).status, { timeout: 10_000 }).toBe(202);
});

test('whatever is let in by batches and single runs can start, wait once and end', async () => {
  await using gateway = await startTestGateway();
  const topology = { ...DEFAULT_TOPOLOGY, jobsMaxBytes: 3_000_000 };
  await using _ = await openBus({ servers: gateway.nats.url, name: 'test', topology });
  await gateway.bus.consumers.provision(
    executorConsumer('simulate', { slot: 0, contractId: SIMULATE.contract_id, leaseMs: 30_000 }),
  );
  const open = new Map<string, number>();
  const runBatch = async (size: number) => {
    const items = Array.from({ length: size }, () => ({ tilt_deg: 30 }));
    const { json } = await gateway.call(RUN_PATH.replace(/run$/, 'run-batch'), { body: { items } });
    for (const { job_id, version } of json.items ?? []) open.set(job_id, version);
    return json.code;
  };
  await runBatch(1);
  // Of the larger log that there was at first it would be a millionth.
  const ratio = async () =>
    Number(/errand_log_fill_ratio\{[^}]*\} (\S+)/.exec((await gateway.call('/metrics')).text)?.[1]);
  await expect.poll(ratio, { timeout: 10_000 }).toBeGreaterThan(1e-4);
  await expect.poll(() => runBatch(20), { timeout: 20_000, interval: 1 }).toBe('log_nearly_full');
  await expect.poll(() => runBatch(1), { timeout: 20_000, interval: 1 }).toBe('log_nearly_full');
  expect(open.size).toBeGreaterThan(200);
  const ready = await gateway.call('/readyz');
  expect([ready.status, ready.json.degraded]).toEqual([200, ['runs']]);
  expect((await gateway.call('/metrics')).text).toMatch(/errand_log_takes_runs\{[^}]*\} 0/);

  const error = { code: 'action_failed', message: 'm'.repeat(500) };
  const facts: JobFact[] = [
    STARTED,
    { type: 'JobRetrying', data: { attempt: 1, error, retry_at: new Date().toISOString() } },
    { type: 'JobDue', data: { reason: 'retry' } },
    { type: 'JobStarted', data: { attempt: 2, executor_id: 'e-2' } },
    {
      type: 'JobFailed',
      data: { attempt: 2, error: { ...error, details: ['x'.repeat(1_000)] }, duration_ms: 1 },
    },
  ];
  for (const [jobId, requested] of open) {
    let version = requested;
    for (const fact of facts) version = (await gateway.append(jobId, version, fact)) ?? 0;
    expect(version).toBeGreaterThan(requested);
  }
});

test('a key whose run was refused for want of room can be used again', async () => {
  await using gateway = await startTestGateway({ runsPercent: 1 });
  const run = (anything: string, key: string) =>
    gateway.call(RUN_PATH, { body: { tilt_deg: 30, anything }, headers: { 'idempotency-key': key } });
  const topology = { ...DEFAULT_TOPOLOGY, jobsMaxBytes: 1_000_000 };
  const small = await openBus({ servers: gateway.nats.url, name: 'test', topology });
  let used = 0;
  await expect
    .poll(async () => (await run('x'.repeat(11_000), `fills-${used++}`)).json.code, { timeout: 10_000 })
    .toBe('log_nearly_full');
  expect((await run('', 'late')).status).toBe(503);
  await small[Symbol.asyncDispose]();
  const larger = { ...topology, jobsMaxBytes: 100_000_000 };
  await using _ = await openBus({ servers: gateway.nats.url, name: 'test', topology: larger });
  await expect.poll(async () => (await run('', 'late')).status, { timeout: 10_000 }).toBe(202);
});

test('of several tenants one that fills half of the log gets 429, and the others go on', async () => {
  await using gateway = await startTestGateway();
  await using _scheduler = await startTestScheduler(gateway.nats.url);
  const topology = { ...DEFAULT_TOPOLOGY, jobsMaxBytes: 1_000_000 };
  await using _ = await openBus({ servers: gateway.nats.url, name: 'test', topology });
  const { api_key: token } = await gateway.createKey('other', 'stranger');
  const run = () => gateway.call(RUN_PATH, { body: { tilt_deg: 30, anything: 'x'.repeat(ALMOST_A_TENTH) } });
  const refused = await waitUntil(
    async () => {
      const answer = await run();
      return answer.status === 202 ? undefined : answer;
    },
    { timeoutMs: 20_000 },
  );
  expect([refused.status, refused.json.code]).toEqual([429, 'too_many_log_bytes']);
  expect(refused.headers.get('retry-after')).toBe('10');
  const { bytes } = await gateway.bus.jobs.readFill();
  expect(bytes).toBeGreaterThan(400_000);
  expect(bytes).toBeLessThan(600_000);
  const others = { body: { tilt_deg: 30, anything: 'x'.repeat(ALMOST_A_TENTH) }, token };
  expect((await gateway.call(RUN_PATH.replace(TENANT, 'other'), others)).status).toBe(202);
  expect((await run()).json.code).toBe('too_many_log_bytes');
});
