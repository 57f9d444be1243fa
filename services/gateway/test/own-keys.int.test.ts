import { once } from 'node:events';
import { request } from 'node:http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ADMIN_KEY, startTestGateway, type TestGateway } from './gateway.ts';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startTestGateway({ keysPerTenant: 40 });
});
afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
});

const KEYS = '/v2/tenants/acme/keys';

interface Made {
  readonly key_id: string;
  readonly api_key: string;
}

async function makeKey(about: object = {}, tenant = 'acme'): Promise<Made> {
  await gateway.call(`/admin/tenants/${tenant}`, { method: 'PUT', token: ADMIN_KEY });
  const body = { name: 'made by the admin', ...about };
  const made = await gateway.call(`/admin/tenants/${tenant}/keys`, { token: ADMIN_KEY, body });
  expect(made.status).toBe(201);
  return made.json;
}

const ask = (token: string, about: object) =>
  gateway.call(KEYS, { token, body: { name: 'made by a key', ...about } });
const rotate = (token: string, keyId: string, body: object = {}) =>
  gateway.call(`${KEYS}/${keyId}/rotate`, { token, body });
const remove = (token: string, keyId: string) =>
  gateway.call(`${KEYS}/${keyId}`, { token, method: 'DELETE' });
const seen = async (token: string): Promise<string[]> =>
  (await gateway.call(KEYS, { token })).json.keys.map(({ key_id }: Made) => key_id);
const statusOf = async (token: string) => (await gateway.call('/v2/tenants/acme/actions', { token })).status;

async function clear(): Promise<void> {
  for (const keyId of await seen(ADMIN_KEY)) await remove(ADMIN_KEY, keyId);
}

test('a key without limits makes, lists, replaces and removes keys of its tenant', async () => {
  await clear();
  const owner = await makeKey();
  const made = await ask(owner.api_key, { scopes: ['jobs:read'], expires_at: '2999-01-01T01:00:00+01:00' });
  expect(made.status).toBe(201);
  expect(made.json).toMatchObject({
    tenant_id: 'acme',
    name: 'made by a key',
    scopes: ['jobs:read'],
    expires_at: '2999-01-01T00:00:00.000Z',
  });
  expect(await statusOf(made.json.api_key)).toBe(200);
  const { json } = await gateway.call(KEYS, { token: owner.api_key });
  expect(json.keys.map(({ key_id }: Made) => key_id)).toEqual([owner.key_id, made.json.key_id]);
  expect(json.keys[1]).not.toHaveProperty('api_key');
  const second = await rotate(owner.api_key, made.json.key_id, { grace_s: 60 });
  expect(second.json).toMatchObject({ scopes: ['jobs:read'], expires_at: '2999-01-01T00:00:00.000Z' });
  expect(await statusOf(made.json.api_key)).toBe(200);
  expect((await remove(owner.api_key, made.json.key_id)).status).toBe(204);
  expect(await statusOf(made.json.api_key)).toBe(401);
  expect((await remove(owner.api_key, made.json.key_id)).json.code).toBe('unknown_key');
  expect(await statusOf(second.json.api_key)).toBe(200);
});

const LIMITED = {
  scopes: ['keys:write', 'jobs:read'],
  actions: ['simulate'],
  metadata_filter: { region: 'north' },
  expires_at: '2999-01-01T00:00:00.000Z',
};
test.each([
  ['other scopes', { scopes: ['jobs:read', 'runs:write'] }, '#/scopes/1'],
  ['all scopes', { scopes: undefined }, '#/scopes'],
  ['other actions', { actions: ['other'] }, '#/actions/0'],
  ['all actions', { actions: undefined }, '#/actions'],
  ['other jobs', { metadata_filter: { region: 'south' } }, '#/metadata_filter/region'],
  ['more jobs', { metadata_filter: { other: 'x' } }, '#/metadata_filter/region'],
  ['all jobs', { metadata_filter: undefined }, '#/metadata_filter/region'],
  ['a longer life', { expires_at: '2999-01-01T00:00:01Z' }, '#/expires_at'],
  ['an endless life', { expires_at: undefined }, '#/expires_at'],
])('a key makes none for more than itself: %s', async (_, more, pointer) => {
  await clear();
  const { api_key } = await makeKey(LIMITED);
  const refused = await ask(api_key, { ...LIMITED, ...more });
  expect([refused.status, refused.json.errors?.map((error: { pointer: string }) => error.pointer)]).toEqual([
    422,
    [pointer],
  ]);
  const less = { scopes: ['jobs:read'], metadata_filter: { region: 'north', of: 'u-1' } };
  expect((await ask(api_key, { ...LIMITED, ...less })).status).toBe(201);
  expect((await ask(api_key, LIMITED)).status).toBe(201);
});

test.each([
  ['more scopes', {}, { scopes: ['keys:write'] }],
  ['other scopes', { scopes: ['runs:write'] }, { scopes: ['keys:write', 'jobs:read'] }],
  ['more actions', {}, { actions: ['simulate'] }],
  ['other actions', { actions: ['other'] }, { actions: ['simulate'] }],
  ['more jobs', {}, { metadata_filter: { region: 'north' } }],
  ['other jobs', { metadata_filter: { region: 'south' } }, { metadata_filter: { region: 'north' } }],
])('a key does not take over, remove or see one that may do more: %s', async (_, greater, own) => {
  await clear();
  const victim = await makeKey(greater);
  const attacker = await makeKey(own);
  for (const grace_s of [0, 60]) {
    const stolen = await rotate(attacker.api_key, victim.key_id, { grace_s });
    expect([stolen.status, stolen.json.code]).toEqual([404, 'unknown_key']);
  }
  expect((await remove(attacker.api_key, victim.key_id)).json.code).toBe('unknown_key');
  expect(await seen(attacker.api_key)).toEqual([attacker.key_id]);
  expect(await seen(ADMIN_KEY)).toEqual([victim.key_id, attacker.key_id]);
  expect(await statusOf(victim.api_key)).toBe(200);
});

test('a key that ends replaces none that ends later, which would give it a longer life', async () => {
  await clear();
  const endless = await makeKey();
  const ending = await makeKey({ expires_at: '2999-01-01T00:00:00Z' });
  const refused = await rotate(ending.api_key, endless.key_id);
  expect([refused.status, refused.json.code]).toEqual([403, 'forbidden']);
  const { expires_at } = (await rotate(ending.api_key, ending.key_id)).json;
  expect(expires_at).toBe('2999-01-01T00:00:00.000Z');
});

test('a replaced key makes none that outlives its grace', async () => {
  await clear();
  const first = await makeKey();
  expect((await rotate(first.api_key, first.key_id, { grace_s: 60 })).status).toBe(201);
  const refused = await ask(first.api_key, {});
  expect([refused.status, refused.json.errors[0].pointer]).toEqual([422, '#/expires_at']);
});

test("another tenant's keys are as unknown ones", async () => {
  await clear();
  const own = await makeKey();
  const foreign = await makeKey({}, 'globex');
  const unknown = '0'.repeat(64);
  for (const act of [remove, rotate]) {
    for (const token of [own.api_key, ADMIN_KEY]) {
      const [other, none] = [await act(token, foreign.key_id), await act(token, unknown)];
      expect([other.status, other.json.code]).toEqual([404, 'unknown_key']);
      const { instance: _, ...told } = other.json;
      expect(none.json).toMatchObject(told);
    }
  }
  const elsewhere = await gateway.call('/v2/tenants/globex/keys', { token: own.api_key });
  expect(elsewhere.json.code).toBe('unknown_tenant');
  expect(await seen(own.api_key)).toEqual([own.key_id]);
});

test('a key without the scope, and a token of a key, manage none', async () => {
  await clear();
  const owner = await makeKey();
  const reader = await makeKey({ scopes: ['jobs:read'] });
  const child = await gateway.call('/v2/tenants/acme/tokens', {
    token: owner.api_key,
    body: { scopes: ['jobs:read'] },
  });
  for (const token of [reader.api_key, child.json.token]) {
    expect((await ask(token, {})).status).toBe(403);
    expect((await rotate(token, reader.key_id)).status).toBe(403);
    expect((await remove(token, reader.key_id)).status).toBe(403);
    expect((await gateway.call(KEYS, { token })).status).toBe(403);
  }
});

test('a key removes and replaces itself, and gets the answer', async () => {
  await clear();
  const first = await makeKey();
  const second = (await rotate(first.api_key, first.key_id, { grace_s: 0 })).json;
  expect(await statusOf(first.api_key)).toBe(401);
  expect((await remove(second.api_key, second.key_id)).status).toBe(204);
  expect(await statusOf(second.api_key)).toBe(401);
});

test('a key that was removed while its request came in makes none', async () => {
  await clear();
  const owner = await makeKey();
  const headers = {
    authorization: `Bearer ${owner.api_key}`,
    'content-type': 'application/json',
    expect: '100-continue',
  };
  const slow = request(gateway.url + KEYS, { method: 'POST', headers });
  slow.flushHeaders();
  await once(slow, 'continue');
  expect((await remove(ADMIN_KEY, owner.key_id)).status).toBe(204);
  slow.end('{"name":"late"}');
  const [response] = await once(slow, 'response');
  response.resume();
  expect(response.statusCode).toBe(401);
  expect(await seen(ADMIN_KEY)).toEqual([]);
});

test('changes are recorded as those of the key that made them', async () => {
  await clear();
  const owner = await makeKey();
  const made = (await ask(owner.api_key, { scopes: ['jobs:read'] })).json;
  await remove(owner.api_key, made.key_id);
  const { text } = await gateway.call('/admin/audit?type=ConfigChanged', { token: ADMIN_KEY });
  const changes = text.split('\n').filter((line) => line.includes(made.key_id));
  expect(changes).toHaveLength(2);
  for (const change of changes) expect(change).toContain(`"actor":"key:${owner.key_id}"`);
});

test('a tenant makes as many keys as it may, and the admin key more', async () => {
  await clear();
  const owner = await makeKey();
  const statuses = await Promise.all(
    Array.from({ length: 39 }, async () => (await ask(owner.api_key, {})).status),
  );
  expect(new Set(statuses)).toEqual(new Set([201]));
  for (const refused of [await ask(owner.api_key, {}), await rotate(owner.api_key, owner.key_id)]) {
    expect([refused.status, refused.json.code]).toEqual([409, 'too_many_keys']);
  }
  expect((await ask(ADMIN_KEY, {})).status).toBe(201);
  await clear();
});
