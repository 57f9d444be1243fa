import { waitUntil } from '@errand/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  ADMIN_KEY,
  RUN_PATH,
  STARTED,
  SUCCEEDED,
  startTestGateway,
  TENANT,
  type TestGateway,
} from './gateway.ts';
import { forget, trim } from './read-model.ts';

let gateway: TestGateway;

beforeAll(async () => {
  // Nothing listens on port 1: Postgres is down for good.
  gateway = await startTestGateway({ databaseUrl: () => 'postgres://errand@127.0.0.1:1/errand' });
});

afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
});

const run = () => gateway.call(RUN_PATH, { body: { tilt_deg: 30 } });

test('runs and status calls work without Postgres', async () => {
  const { status, json } = await run();
  expect(status).toBe(202);
  expect((await gateway.call(json.links.status)).json.status).toBe('queued');
  expect((await gateway.call('/readyz')).status).toBe(200);
});

test('a body that does not end is given up with 408', async () => {
  await using hasty = await gateway.another({ bodyTimeoutMs: 400 });
  const body = new ReadableStream({ start: (controller) => controller.enqueue(Buffer.from('{')) });
  const headers = { authorization: `Bearer ${gateway.apiKey}`, 'content-type': 'application/json' };
  const request = { method: 'POST', body, headers, duplex: 'half' };
  const response = await fetch(hasty.url + RUN_PATH, request as RequestInit);
  expect([response.status, await response.json()]).toMatchObject([408, { code: 'slow_body' }]);
});

test('a job that only the audit log still knows is answered from there, and one that nobody knows is 404', async () => {
  const { json } = await run();
  const { events, job: path } = json.links;
  expect((await gateway.call(`${path}/cancel`, { method: 'POST' })).status).toBe(200);
  await waitUntil(async () => (await gateway.bus.audit.version()) > json.version);
  const before = await gateway.call(path);
  await forget(gateway, json.job_id);
  gateway.shiftMs = 15 * 60_000;
  try {
    expect(await gateway.call(path)).toMatchObject({ status: 200, json: before.json });
    expect(events).toContain(json.job_id);
    expect((await gateway.call(path.replace(/.{4}$/, '0000'))).status).toBe(404);
  } finally {
    gateway.shiftMs = 0;
  }
});

test('a key whose job has left the log is answered as before, and asks for no second job', async () => {
  const send = () =>
    gateway.call(RUN_PATH, { body: { tilt_deg: 30 }, headers: { 'idempotency-key': 'left' } });
  const first = await send();
  const ref = { tenantId: TENANT, jobId: first.json.job_id };
  const started = await gateway.append(ref.jobId, first.json.version, STARTED);
  const ended = (await gateway.append(ref.jobId, started ?? 0, SUCCEEDED)) ?? 0;
  await expect.poll(() => gateway.bus.audit.version()).toBe(ended);
  await trim(gateway, ended);
  expect(await gateway.bus.jobs.read(ref)).toEqual([]);
  gateway.shiftMs = 15 * 60_000;
  try {
    const again = await send();
    expect([again.status, again.json]).toEqual([202, first.json]);
    expect(again.headers.get('idempotency-replayed')).toBe('true');
    expect(await gateway.bus.jobs.read(ref)).toEqual([]);
  } finally {
    gateway.shiftMs = 0;
  }
});

test('the list and the feed are 503 problems without Postgres, with a time to come again', async () => {
  for (const path of ['jobs', 'events']) {
    const answer = await gateway.call(`/v2/tenants/acme/${path}`);
    expect([answer.status, answer.json.code, answer.headers.get('retry-after')]).toEqual([
      503,
      'database_unavailable',
      '2',
    ]);
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
  }
});

test('a cursor from a log that was lost is told to be of no use any more', async () => {
  const cursor = Buffer.from(`4711.${Date.now()}`).toString('base64url');
  const answer = await gateway.call(`/v2/tenants/acme/events?after=${cursor}`);
  expect([answer.status, answer.json.code]).toEqual([410, 'cursor_expired']);
});

test('without the log every call that needs it is 503, and all recover with it', async () => {
  const { json } = await run();
  await gateway.nats.kill();
  await expect.poll(async () => (await gateway.call('/readyz')).status).toBe(503);
  const refused = await run();
  expect([refused.status, refused.json.code]).toEqual([503, 'log_unavailable']);
  expect(refused.headers.get('retry-after')).toBe('2');
  expect((await gateway.call(json.links.status)).status).toBe(503);
  expect((await gateway.call('/v2/tenants/acme/webhooks', { token: 'errand_unknown' })).status).toBe(503);
  expect((await gateway.call('/healthz')).status).toBe(200);

  await gateway.nats.restart();
  await expect.poll(async () => (await run()).status, { timeout: 15_000 }).toBe(202);
  expect((await gateway.call(json.links.status)).json.job_id).toBe(json.job_id);
});

test('keys made and revoked after an outage count as before', async () => {
  const { key_id, api_key } = await gateway.createKey(TENANT, 'late');
  const list = () => gateway.call('/v2/tenants/acme/actions', { token: api_key });
  expect((await list()).status).toBe(200);
  await gateway.call(`/admin/keys/${key_id}`, { method: 'DELETE', token: ADMIN_KEY });
  expect((await list()).status).toBe(401);
});
