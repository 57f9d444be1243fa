import { randomUUIDv7 } from 'node:crypto';
import { connectionOf, memoryPosition } from '@errand/bus/testing';
import { ApiKey, BUCKETS, PROJECTION_READER } from '@errand/contracts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ADMIN_KEY, RUN_PATH, SIMULATE, startTestGateway, TENANT, type TestGateway } from './gateway.ts';

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startTestGateway();
});

afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
});

const admin = (path: string, options = {}) => gateway.call(path, { token: ADMIN_KEY, ...options });

test('a tenant is made once, however often it is put', async () => {
  const first = await admin('/admin/tenants/fresh', { method: 'PUT' });
  const second = await admin('/admin/tenants/fresh', { method: 'PUT' });
  expect([first.status, second.status]).toEqual([201, 200]);
  expect(second.json).toEqual(first.json);
});

test('a tenant name that would not fit a subject is 422', async () => {
  const answer = await admin('/admin/tenants/a.b', { method: 'PUT' });
  expect([answer.status, answer.json.errors]).toMatchObject([422, [{ parameter: 'tenant_id' }]]);
});

test('an action that nobody serves says so, is withdrawn, and its jobs are not', async () => {
  const leftOver = { ...SIMULATE, name: 'left_over' };
  await gateway.announce(leftOver);
  const listed = () => gateway.call('/v2/tenants/acme/actions/left_over');
  const remove = () => admin('/admin/actions/left_over', { method: 'DELETE' });
  await expect.poll(async () => (await listed()).status).toBe(200);
  expect(await remove()).toMatchObject({ status: 409, json: { code: 'action_served' } });
  const since = '2026-01-02T03:04:05.678Z';
  await gateway.announce(leftOver, since);
  await expect.poll(async () => (await listed()).json.unserved_since).toBe(since);
  const path = RUN_PATH.replace('simulate', 'left_over');
  const run = await gateway.call(path, { body: { tilt_deg: 3 } });
  expect(run).toMatchObject({ status: 202, json: { unserved_since: since } });
  const { links } = run.json;
  const unserved = async () => (await gateway.call(links.status)).json.errors;
  const { contract_id } = SIMULATE;
  expect(await unserved()).toMatchObject([
    { code: 'action_unserved', details: [{ contract_id, unserved_since: since }] },
  ]);
  const metrics = await (await fetch(`${gateway.url}/metrics`)).text();
  expect(metrics).toMatch(/errand_action_unserved\{.*action="left_over".*\} 1/);
  expect((await remove()).status).toBe(204);
  expect((await listed()).json.code).toBe('unknown_action');
  expect((await gateway.call(path, { body: { tilt_deg: 3 } })).json.code).toBe('unknown_action');
  expect(await unserved()).toMatchObject([{ code: 'action_unserved' }]);
  expect((await remove()).json.code).toBe('unknown_action');
  expect((await gateway.call('/admin/actions/simulate', { method: 'DELETE' })).status).toBe(401);
});

test('a key is shown once, works, is listed without its token, and stops when it is deleted', async () => {
  const created = await admin('/admin/tenants/acme/keys', { body: { name: 'robot' } });
  expect(created.status).toBe(201);
  const { api_key, key_id } = created.json;
  expect(api_key).toMatch(/^errand_[\w-]{43}$/);
  expect(created.json).toMatchObject({ tenant_id: TENANT, name: 'robot' });
  expect((await gateway.call('/v2/tenants/acme/webhooks', { token: api_key })).status).toBe(200);

  const listed = await admin('/admin/tenants/acme/keys');
  expect(listed.json.keys).toContainEqual(expect.objectContaining({ key_id, name: 'robot' }));
  expect(listed.text).not.toContain(api_key);

  expect((await admin(`/admin/keys/${key_id}`, { method: 'DELETE' })).status).toBe(204);
  expect((await gateway.call('/v2/tenants/acme/webhooks', { token: api_key })).status).toBe(401);
  expect((await admin(`/admin/keys/${key_id}`, { method: 'DELETE' })).status).toBe(404);
});

test('a key that another gateway deletes stops here too', async () => {
  const { api_key, key_id } = await gateway.createKey(TENANT, 'elsewhere');
  expect((await gateway.call('/v2/tenants/acme/actions', { token: api_key })).status).toBe(200);
  await (await gateway.bus.buckets.open(BUCKETS.apiKeys, ApiKey)).delete(key_id);
  await expect
    .poll(async () => (await gateway.call('/v2/tenants/acme/actions', { token: api_key })).status)
    .toBe(401);
});

test('keys belong to tenants that exist, and have a name', async () => {
  expect((await admin('/admin/tenants/nobody/keys', { body: { name: 'x' } })).status).toBe(404);
  const unnamed = await admin('/admin/tenants/acme/keys', { body: { nom: 'x' } });
  expect(unnamed.json.errors).toEqual([
    { pointer: '#/name', code: 'required', detail: 'is required' },
    { pointer: '#/nom', code: 'unknown_property', detail: 'is not a known property' },
  ]);
});

test('admin routes take the admin key only', async () => {
  const path = '/admin/tenants/acme/keys';
  for (const token of [gateway.apiKey, `${ADMIN_KEY}x`, null]) {
    expect((await gateway.call(path, { token })).status).toBe(401);
  }
});

test('dead letters are listed page by page, and one that is redriven is gone', async () => {
  expect((await admin('/admin/dead-letters')).json).toEqual({ dead_letters: [], next_after: null });
  const stop = new AbortController();
  const jobId = randomUUIDv7();
  const subject = `jobs.acme.simulate.${jobId}.requested.fast`;
  // Only a foreign writer gets something unreadable into the log.
  for (const body of ['one', 'two']) await connectionOf(gateway.bus).request(subject, body);
  const position = memoryPosition();
  const parked = () => admin('/admin/dead-letters');
  const reading = gateway.bus.jobs.readInOrder({
    reader: PROJECTION_READER,
    position,
    fillsAnew: true,
    maxBatch: 10,
    lingerMs: 0,
    sinceMs: () => 0,
    signal: stop.signal,
    take: async (_, step) => position.move(step),
    onError: () => {},
    onUnreadable: () => {},
  });
  await expect.poll(async () => (await parked()).json.dead_letters.length).toBe(2);
  stop.abort();
  await reading;

  const first = await admin('/admin/dead-letters?limit=1');
  const [letter] = first.json.dead_letters;
  expect(letter).toEqual({
    id: expect.any(Number),
    consumer: PROJECTION_READER.name,
    subject,
    version: expect.any(Number),
    body: 'one',
    reason: 'the body is not JSON',
    parked_at: expect.stringMatching(/^20.*Z$/),
  });
  expect(first.json.next_after).toBe(letter.id);
  const second = await admin(`/admin/dead-letters?limit=5&after=${letter.id}`);
  expect(second.json).toMatchObject({ dead_letters: [{ body: 'two' }], next_after: null });

  expect((await admin(`/admin/dead-letters/${letter.id}`)).json).toEqual(letter);
  const other = `/admin/dead-letters/${second.json.dead_letters[0].id}`;
  expect((await admin(other, { method: 'DELETE' })).status).toBe(204);
  expect((await admin(other)).json.code).toBe('unknown_dead_letter');
  expect((await admin(other, { method: 'DELETE' })).status).toBe(404);

  const redrive = () => admin(`/admin/dead-letters/${letter.id}/redrive`, { method: 'POST' });
  const redriven = await redrive();
  expect([redriven.status, redriven.json]).toEqual([202, { id: letter.id }]);
  expect((await parked()).json.dead_letters).toEqual([]);
  const again = await redrive();
  expect([again.status, again.json.code]).toEqual([404, 'unknown_dead_letter']);
});

test('dead letters are for the admin key, and wrong parameters are named', async () => {
  expect((await gateway.call('/admin/dead-letters')).status).toBe(401);
  expect((await gateway.call('/admin/dead-letters/1/redrive', { method: 'POST' })).status).toBe(401);
  const answer = await admin('/admin/dead-letters?after=x&limit=0');
  expect(answer.json.errors.map(({ parameter }: { parameter: string }) => parameter)).toEqual([
    'after',
    'limit',
  ]);
  expect((await admin('/admin/dead-letters/x/redrive', { method: 'POST' })).status).toBe(404);
});
