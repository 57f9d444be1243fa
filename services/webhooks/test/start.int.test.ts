import { randomBytes } from 'node:crypto';
import { ActionRecord, BUCKETS } from '@errand/contracts';
import { recordOf } from '@errand/domain/testing';
import {
  createTestDatabase,
  type Receiver,
  startReceiver,
  startTestNats,
  type TestDatabase,
  type TestNats,
  waitUntil,
} from '@errand/testkit';
import { Webhook } from 'standardwebhooks';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { openTestSystem, SIGNING_SECRET, type TestSystem } from './system.ts';

let nats: TestNats;
let database: TestDatabase;
let system: TestSystem;
let service: AsyncDisposable & { opsPort: number };
let receiver: Receiver;
let tenantId: string;

beforeAll(async () => {
  nats = await startTestNats();
  database = await createTestDatabase();
  system = await openTestSystem({ natsUrl: nats.url, databaseUrl: database.url });
  service = await system.start();
});

afterAll(async () => {
  await service[Symbol.asyncDispose]();
  await system[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
  await nats[Symbol.asyncDispose]();
});

beforeEach(async () => {
  receiver = await startReceiver();
  tenantId = `t-${crypto.randomUUID()}`;
});

afterEach(async () => {
  await receiver[Symbol.asyncDispose]();
});

const delivery = (eventId: string) =>
  system.db.selectFrom('webhook_delivery').selectAll().where('event_id', '=', eventId).executeTakeFirst();
const attempts = (eventId: string) =>
  system.db
    .selectFrom('webhook_attempt')
    .selectAll()
    .where('event_id', '=', eventId)
    .orderBy('attempt')
    .execute();
const ended = (eventId: string, state: string) =>
  waitUntil(async () => (await delivery(eventId))?.state === state);

test('an ending reaches the endpoint with basic auth, secret headers and a valid signature', async () => {
  const actions = await system.bus.buckets.open(BUCKETS.actions, ActionRecord);
  await actions.put(
    'render',
    recordOf({
      name: 'render',
      version: '1',
      description: '',
      resource: 'designs/{design_id}',
      input_schema: {},
      result_schema: {},
      max_attempts: 1,
      timeout_ms: 1,
    }),
  );
  await system.addEndpoint(
    { tenant_id: tenantId, url: `${receiver.url}/hook?x=1` },
    { password: 'pässword', headers: { 'x-key': 's3cret', 'x-other': 'too' } },
  );
  const { eventId, jobId } = await system.endJob(tenantId);
  const request = await receiver.waitFor(() => true);

  expect(request).toMatchObject({ method: 'POST', url: '/hook?x=1' });
  const credentials = Buffer.from(request.headers.authorization?.replace('Basic ', '') ?? '', 'base64');
  expect(credentials.toString()).toBe('usér:pässword');
  expect(request.headers).toMatchObject({ 'x-key': 's3cret', 'x-other': 'too', 'webhook-id': eventId });
  const verified = new Webhook(SIGNING_SECRET).verify(
    request.body,
    request.headers as Record<string, string>,
  );
  const tenant = `http://127.0.0.1:8080/v2/tenants/${tenantId}`;
  expect(verified).toMatchObject({
    type: 'job.succeeded',
    data: {
      job_id: jobId,
      tenant_id: tenantId,
      action: 'render',
      status: 'succeeded',
      metadata: { order: '7' },
      resource: { design_id: 'd-1' },
      links: {
        status: `${tenant}/designs/d-1/render/status?job_id=${jobId}`,
        job: `${tenant}/jobs/${jobId}`,
      },
    },
  });
  await ended(eventId, 'delivered');
  expect(await attempts(eventId)).toMatchObject([{ attempt: 1, status: 200, error_code: null }]);
});

test('while a secret is being replaced, requests verify with either one, and after its grace not with the old one', async () => {
  const [recent, expired] = [8, 9].map((byte) => `whsec_${Buffer.alloc(32, byte).toString('base64')}`);
  if (!recent || !expired) throw new Error('two secrets were made');
  const previous = [
    { secret: recent, expiresMs: Date.now() + 3_600_000 },
    { secret: expired, expiresMs: Date.now() - 1 },
  ];
  await system.addEndpoint({ tenant_id: tenantId, url: receiver.url }, { previous });
  await system.endJob(tenantId);
  const { body, headers } = await receiver.waitFor(() => true);
  const verify = (secret: string) => new Webhook(secret).verify(body, headers as Record<string, string>);
  expect(verify(SIGNING_SECRET)).toEqual(verify(recent));
  expect(() => verify(expired)).toThrow();
});

test('an ending reaches a GET endpoint through its URL template', async () => {
  const url = `${receiver.url}/<ACTION>?job_id=<JOB_ID>&status=<STATUS>`;
  await system.addEndpoint({ tenant_id: tenantId, url, method: 'GET' }, { headers: { 'x-key': 's3cret' } });
  const { eventId, jobId } = await system.endJob(tenantId, {
    type: 'JobFailed',
    data: { attempt: 1, error: { code: 'no_roof', message: 'No roof.' }, duration_ms: 5 },
  });
  const request = await receiver.waitFor(() => true);
  expect(request).toMatchObject({
    method: 'GET',
    url: `/render?job_id=${jobId}&status=failed`,
    body: '',
    headers: { 'x-key': 's3cret', 'webhook-id': eventId },
  });
});

test('an endpoint that fails twice gets three calls with the same id and body', async () => {
  receiver.respond = () => (receiver.requests.length < 3 ? { status: 500, body: 'oh\0 no' } : 200);
  await system.addEndpoint({ tenant_id: tenantId, url: receiver.url });
  const { eventId } = await system.endJob(tenantId);
  await ended(eventId, 'delivered');
  expect(receiver.requests.map(({ headers }) => headers['errand-attempt'])).toEqual(['1', '2', '3']);
  expect(new Set(receiver.requests.map(({ headers }) => headers['webhook-id']))).toEqual(new Set([eventId]));
  expect(new Set(receiver.requests.map(({ body }) => body)).size).toBe(1);
  const refused = { status: 500, error_code: 'http_status', response: 'oh\uFFFD no' };
  expect(await attempts(eventId)).toMatchObject([refused, refused, { status: 200, error_code: null }]);
});

test('after the last attempt of the schedule the delivery has failed', async () => {
  receiver.respond = 500;
  await system.addEndpoint({ tenant_id: tenantId, url: receiver.url });
  const { eventId } = await system.endJob(tenantId);
  await ended(eventId, 'failed');
  expect(receiver.requests).toHaveLength(3);
});

test('a redirect is a failure and is not followed', async () => {
  receiver.respond = () => ({ status: 302, headers: { location: '/elsewhere' } });
  await system.addEndpoint({ tenant_id: tenantId, url: `${receiver.url}/hook` });
  const { eventId } = await system.endJob(tenantId);
  await ended(eventId, 'failed');
  expect(receiver.requests.map(({ url }) => url)).toEqual(['/hook', '/hook', '/hook']);
  expect((await attempts(eventId))[0]).toMatchObject({ status: 302, error_code: 'redirect' });
});

test('of an endless answer the beginning is kept, and its status counts', async () => {
  receiver.respond = () => ({ status: 200, body: 'x'.repeat(1_000_000) });
  await system.addEndpoint({ tenant_id: tenantId, url: receiver.url });
  const { eventId } = await system.endJob(tenantId);
  await ended(eventId, 'delivered');
  expect((await attempts(eventId))[0]?.response).toBe('x'.repeat(4_096));
});

test('an endpoint whose secrets do not open is not called', async () => {
  await system.addEndpoint(
    { tenant_id: tenantId, url: receiver.url },
    { sealingKey: randomBytes(32).toString('base64') },
  );
  const { eventId } = await system.endJob(tenantId);
  await ended(eventId, 'failed');
  expect((await attempts(eventId))[0]).toMatchObject({ error_code: 'secret_unreadable', status: null });
  expect(receiver.requests).toEqual([]);
});

test('an endpoint that is created a moment before the job ends hears of it', async () => {
  const tenants = Array.from({ length: 30 }, (_, index) => `${tenantId}-${index}`);
  const eventIds = await Promise.all(
    tenants.map(async (tenant) => {
      await system.addEndpoint({ tenant_id: tenant, url: receiver.url });
      return (await system.endJob(tenant)).eventId;
    }),
  );
  await waitUntil(() => receiver.requests.length >= tenants.length);
  const told = receiver.requests.map(({ headers }) => headers['webhook-id']);
  expect(told.toSorted()).toEqual(eventIds.toSorted());
});

test('only enabled endpoints that existed and asked for the event get a delivery', async () => {
  const url = receiver.url;
  const wanted = await system.addEndpoint({ tenant_id: tenantId, url });
  await system.addEndpoint({ tenant_id: tenantId, url, enabled: false });
  await system.addEndpoint({ tenant_id: tenantId, url, event_types: ['job.failed'] });
  await system.addEndpoint({ tenant_id: `${tenantId}-other`, url });
  const created_at = new Date(Date.now() + 60_000).toISOString();
  await system.addEndpoint({ tenant_id: tenantId, url, created_at });
  const { eventId } = await system.endJob(tenantId);
  await ended(eventId, 'delivered');
  const rows = await system.db
    .selectFrom('webhook_delivery')
    .select('endpoint_id')
    .where('event_id', '=', eventId)
    .execute();
  expect(rows).toEqual([{ endpoint_id: wanted.endpoint_id }]);
});

test('readiness and metrics are served', async () => {
  const base = `http://127.0.0.1:${service.opsPort}`;
  expect((await fetch(`${base}/readyz`)).status).toBe(200);
  const metrics = await (await fetch(`${base}/metrics`)).text();
  expect(metrics).toMatch(/errand_webhook_attempt_duration_seconds_count\{.*outcome="delivered".*\} \d/);
  expect(metrics).toMatch(/errand_webhook_shards\{.*\} 256/);
});
