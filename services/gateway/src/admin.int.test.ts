import { openBucket } from '@errand/bus';
import { ApiKey, BUCKETS } from '@errand/contracts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ADMIN_KEY, startTestGateway, TENANT, type TestGateway } from './test-gateway.ts';

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
  await (await openBucket(gateway.bus.nc, BUCKETS.apiKeys, ApiKey)).delete(key_id);
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
