import { openBus } from '@errand/bus';
import { expect, test } from 'vitest';
import { RUN_PATH, STARTED, SUCCEEDED, startTestGateway, TENANT } from './test-gateway.ts';

const ALMOST_A_TENTH = 98_000;

test('runs are refused while there is still room for what becomes of the jobs that run', async () => {
  await using gateway = await startTestGateway();
  const resize = async (jobsMaxBytes: number) => {
    const topology = { replicas: 1, jobsMaxAgeHours: 48, jobsMaxBytes };
    await using _ = await openBus({ servers: gateway.nats.url, name: 'test', topology });
  };
  await resize(1_000_000);
  const run = (anything = '', headers = {}) =>
    gateway.call(RUN_PATH, { body: { tilt_deg: 30, anything }, headers });
  const key = { 'idempotency-key': 'first' };
  const jobs = [await run('x'.repeat(ALMOST_A_TENTH), key)];
  while (jobs.length < 9) jobs.push(await run('x'.repeat(ALMOST_A_TENTH)));
  expect(jobs.map(({ status }) => status)).toEqual(jobs.map(() => 202));

  await expect.poll(async () => (await run()).status, { timeout: 10_000 }).toBe(503);
  const refused = await run();
  expect([refused.json.code, refused.headers.get('retry-after')]).toEqual(['log_nearly_full', '30']);
  const batch = { items: [{ tilt_deg: 30 }] };
  const batchPath = RUN_PATH.replace(/run$/, 'run-batch');
  expect((await gateway.call(batchPath, { body: batch })).json.code).toBe('log_nearly_full');
  expect((await gateway.call('/metrics')).text).toMatch(/errand_log_fill_ratio\{[^}]*\} 0\.[89]/);

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

test('a key whose run was refused for want of room can be used again', async () => {
  await using gateway = await startTestGateway({ runsPercent: 1 });
  const run = (anything: string, key: string) =>
    gateway.call(RUN_PATH, { body: { tilt_deg: 30, anything }, headers: { 'idempotency-key': key } });
  const topology = { replicas: 1, jobsMaxAgeHours: 48, jobsMaxBytes: 1_000_000 };
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
