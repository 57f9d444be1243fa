import type { RunAccepted } from '@errand/contracts';
import { waitUntil } from '@errand/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  ADMIN_KEY,
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

test('a retry may have another input and metadata, which are checked like those of a run', async () => {
  const first = await runToEnd();
  const body = { input: { tilt_deg: 45, name: 'n' }, metadata: { order: '8' } };
  const { job_id } = (await retry(first, { body })).json;
  const [recorded] = await gateway.bus.jobs.read({ tenantId: TENANT, jobId: job_id });
  expect(recorded?.event.data).toMatchObject({ ...body, retry_of: first.job_id });
  const wrong = await retry(first, { body: { input: { tilt_deg: 91 }, metadata: {} } });
  expect([wrong.status, wrong.json.errors[0].pointer]).toEqual([422, '#/input/tilt_deg']);
  const odd = await retry(first, { body: { inputs: {} } });
  expect([odd.status, odd.json.errors[0].pointer]).toEqual([422, '#/inputs']);
});

test("a retry with another input has that input's concurrency keys, and one without keeps the job's", async () => {
  const keys = [{ name: 'who', pointer: '/name', limit: 1 }];
  await gateway.announce({ ...SIMULATE, name: 'keyed', concurrency_keys: keys });
  const path = RUN_PATH.replace('simulate', 'keyed');
  await waitUntil(async () => (await gateway.call('/v2/tenants/acme/actions/keyed')).status === 200);
  const body = { tilt_deg: 1, name: 'a', _job: { concurrency_keys: { who: 'set' } } };
  const first = (await gateway.call(path, { body })).json;
  await gateway.call(first.links.cancel, { method: 'POST' });
  const requested = async (options: object) => {
    const { job_id } = (await retry(first, options)).json;
    const [recorded] = await gateway.bus.jobs.read({ tenantId: TENANT, jobId: job_id });
    return recorded?.event.data;
  };
  expect(await requested({})).toMatchObject({ concurrency: [{ name: 'who', value: 'set', limit: 1 }] });
  const other = { body: { input: { tilt_deg: 1, name: 'b' } } };
  expect(await requested(other)).toMatchObject({ concurrency: [{ name: 'who', value: 'b', limit: 1 }] });
});

test("a retry by a key with a filter keeps to the key's entries", async () => {
  const first = await runToEnd();
  const path = `/admin/tenants/${TENANT}/keys`;
  const about = { name: 'seven', metadata_filter: { order: '7' } };
  const { api_key: token } = (await gateway.call(path, { token: ADMIN_KEY, body: about })).json;
  const contradiction = await retry(first, { token, body: { metadata: { order: '8' } } });
  expect([contradiction.status, contradiction.json.errors[0].pointer]).toEqual([422, '#/metadata/order']);
  const { job_id } = (await retry(first, { token, body: { metadata: { a: 'b' } } })).json;
  const [recorded] = await gateway.bus.jobs.read({ tenantId: TENANT, jobId: job_id });
  expect(recorded?.event.data).toMatchObject({ metadata: { a: 'b', order: '7' } });
});

test('the input of a job is read as it was sent, also once it has left the log', async () => {
  await using own = await startTestGateway();
  await using model = openReadModel(own);
  await model.migrate();
  const input = { tilt_deg: 1, anything: { big: 123456789012345, text: 'ü\u2028', list: [1.5, null] } };
  const { json: job } = await own.call(RUN_PATH, { body: { ...input, _job: { metadata: { a: 'b' } } } });
  const read = (headers = {}) => own.call(`${job.links.job}/input`, { headers });
  const answer = await read();
  expect([answer.status, answer.text]).toEqual([200, JSON.stringify(input)]);
  const etag = answer.headers.get('etag') ?? '';
  expect((await read({ 'if-none-match': etag })).status).toBe(304);
  const unknown = job.links.job.replace(/.{4}$/, '0000');
  expect((await own.call(`${unknown}/input`)).json.code).toBe('unknown_job');
  await model.project(job.job_id);
  await waitUntil(async () => (await own.bus.audit.version()) >= job.version);
  await forget(own, job.job_id);
  expect((await read()).text).toBe(JSON.stringify(input));
  await forgetAudit(own);
  expect((await read()).json.code).toBe('input_gone');
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
