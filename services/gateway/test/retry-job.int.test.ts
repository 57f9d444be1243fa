import type { RunAccepted } from '@errand/contracts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  RUN_PATH,
  SIMULATE,
  STARTED,
  SUCCEEDED,
  startTestGateway,
  TENANT,
  type TestGateway,
} from './gateway.ts';
import { forget, forgetAudit, openReadModel } from './read-model.ts';

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startTestGateway();
});

afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
});

const retryPath = (job: Pick<RunAccepted, 'links'>) => `${job.links.job}/retry`;
const retry = (job: Pick<RunAccepted, 'links'>, options = {}) =>
  gateway.call(retryPath(job), { method: 'POST', ...options });

async function runToEnd(path = RUN_PATH): Promise<RunAccepted> {
  const body = { tilt_deg: 30, _job: { metadata: { order: '7' } } };
  const { json } = await gateway.call(path, { body });
  await gateway.call(json.links.cancel, { method: 'POST' });
  return json;
}

test('an ended job is asked for again: a new job with the same input, resource and metadata', async () => {
  const first = await runToEnd();
  const answer = await retry(first);
  expect(answer.status).toBe(202);
  const { job_id, links } = answer.json;
  expect(job_id).not.toBe(first.job_id);
  expect(answer.headers.get('location')).toBe(links.status);
  const [recorded] = await gateway.bus.jobs.read({ tenantId: TENANT, jobId: job_id });
  expect(recorded?.event.data).toMatchObject({
    input: { tilt_deg: 30 },
    resource: { design_id: 'd-1' },
    metadata: { order: '7' },
    source: 'retry',
    retry_of: first.job_id,
    requested_by: 'test key',
  });
  expect((await gateway.call(links.status)).json).toMatchObject({
    status: 'queued',
    source: 'retry',
    retry_of: first.job_id,
  });
});

test('a job that has not ended is 409', async () => {
  const { json } = await gateway.call(RUN_PATH, { body: { tilt_deg: 1 } });
  const queued = await retry(json);
  expect([queued.status, queued.json.code]).toEqual([409, 'not_ended']);
  const version = await gateway.append(json.job_id, json.version, STARTED);
  expect((await retry(json)).json.detail).toContain('running');
  await gateway.append(json.job_id, version ?? 0, SUCCEEDED);
  expect((await retry(json)).status).toBe(202);
});

test('404 for a job that does not exist, and a body is not taken', async () => {
  const job = await runToEnd();
  const elsewhere = { links: { ...job.links, job: job.links.job.replace(/.{4}$/, '0000') } };
  expect((await retry(elsewhere)).json.code).toBe('unknown_job');
  expect((await retry(job, { body: { tilt_deg: 2 } })).status).toBe(422);
});

test("the input is checked by the action's contract of today, and an action that is gone is 404", async () => {
  const path = RUN_PATH.replace('simulate', 'changing');
  await gateway.announce({ ...SIMULATE, name: 'changing' });
  await expect.poll(async () => (await gateway.call('/v2/tenants/acme/actions/changing')).status).toBe(200);
  const job = await runToEnd(path);
  await gateway.announce({
    ...SIMULATE,
    name: 'changing',
    version: '2',
    input_schema: { type: 'object', required: ['height_m'] },
  });
  await expect.poll(async () => (await retry(job)).json.errors?.[0]?.pointer).toBe('#/height_m');
  await gateway.announce({ ...SIMULATE, name: 'changing', version: '3', resource: 'plans/{plan_id}' });
  await expect.poll(async () => (await retry(job)).json.code).toBe('unknown_action');
});

test('an Idempotency-Key makes one job of several retries', async () => {
  const job = await runToEnd();
  const headers = { 'idempotency-key': 'again' };
  const first = await retry(job, { headers });
  const second = await retry(job, { headers });
  expect(second.json).toEqual(first.json);
  expect([first, second].map(({ headers: sent }) => sent.get('idempotency-replayed'))).toEqual([
    null,
    'true',
  ]);
});

test('a job that has left the log runs again from the audit log, and is 409 once that holds it no more', async () => {
  await using readModel = openReadModel(gateway);
  await readModel.migrate();
  const job = await runToEnd();
  await readModel.project(job.job_id);
  await expect.poll(() => gateway.bus.audit.version()).toBeGreaterThan(job.version);
  await forget(gateway, job.job_id);
  // The store may still be resting after its failures without a table.
  await expect.poll(async () => (await retry(job)).status).toBe(202);
  const { job_id } = (await retry(job)).json;
  const [recorded] = await gateway.bus.jobs.read({ tenantId: TENANT, jobId: job_id });
  expect(recorded?.event.data).toMatchObject({ input: { tilt_deg: 30 }, retry_of: job.job_id });
  await forgetAudit(gateway);
  const gone = await retry(job);
  expect([gone.status, gone.json.code]).toEqual([409, 'input_gone']);
});
