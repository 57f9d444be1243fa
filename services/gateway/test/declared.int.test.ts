import { hash, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ADMIN_KEY, startTestGateway, type TestGateway } from './gateway.ts';

/* What a caller declares by PUT: endpoints under ids of its choice, and keys by the SHA-256 of their tokens. */

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startTestGateway({ webhookEndpointsPerTenant: 4 });
});
afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
});

const newId = () => `whe_${randomBytes(16).toString('hex')}`;
const put = (id: string, body: object, query = '') =>
  gateway.call(`/v2/tenants/acme/webhooks/${id}${query}`, { method: 'PUT', body });
const read = async (id: string) => (await gateway.call(`/v2/tenants/acme/webhooks/${id}`)).json;
const remove = (id: string) => gateway.call(`/v2/tenants/acme/webhooks/${id}`, { method: 'DELETE' });
const DECLARED = {
  url: 'https://hooks.example.com/a',
  description: 'declared',
  metadata: { team: 'a', region: 'b' },
  basic_auth: { username: 'me', password: 'first' },
  secret_headers: { 'X-Token': 'one' },
};

test('an endpoint is made what the body says, and the same again changes nothing', async () => {
  const id = newId();
  const made = await put(id, DECLARED);
  expect([made.status, made.json.endpoint_id]).toEqual([201, id]);
  expect(made.json.signing_secret).toMatch(/^whsec_/);
  const stored = await read(id);
  const same = await put(id, { ...DECLARED, metadata: { region: 'b', team: 'a' } });
  expect([same.status, same.json.changed]).toEqual([200, []]);
  expect(same.json).not.toHaveProperty('signing_secret');
  expect((await read(id)).updated_at).toBe(stored.updated_at);
  await remove(id);
});

test('an endpoint that others delete meanwhile is made anew', async () => {
  const id = newId();
  const puts: number[] = [];
  for (let round = 0; round < 25; round++) {
    const body = { ...DECLARED, description: `round ${round}` };
    const answers = await Promise.all([put(id, body), remove(id), put(id, body), remove(id)]);
    puts.push(answers[0].status, answers[2].status);
  }
  expect(puts.filter((status) => status !== 200 && status !== 201)).toEqual([]);
  await remove(id);
});

test('what the body leaves out is as it is by default, but for the secret and whether it is enabled', async () => {
  const id = newId();
  await put(id, { ...DECLARED, max_rps: 5 });
  await gateway.call(`/v2/tenants/acme/webhooks/${id}`, { method: 'PATCH', body: { enabled: false } });
  const { signing_secret_fingerprint } = await read(id);
  const changed = await put(id, { url: DECLARED.url });
  expect(changed.json.changed.toSorted()).toEqual(
    ['basic_auth', 'description', 'max_rps', 'metadata', 'secret_headers'].toSorted(),
  );
  expect(await read(id)).toMatchObject({
    description: '',
    max_rps: null,
    metadata: null,
    basic_auth: null,
    secret_headers: [],
    enabled: false,
    signing_secret_fingerprint,
  });
  await remove(id);
});

test('a check names what would change, also secrets, and changes nothing', async () => {
  const id = newId();
  const dry = await put(id, DECLARED, '?validate_only=true');
  expect([dry.status, dry.json.changed]).toEqual([
    200,
    ['url', 'description', 'metadata', 'basic_auth', 'secret_headers'],
  ]);
  expect((await read(id)).code).toBe('unknown_endpoint');
  await put(id, DECLARED);
  const other = { ...DECLARED, basic_auth: { username: 'me', password: 'second' } };
  const wouldChange = await put(
    id,
    { ...other, secret_headers: { 'x-token': 'two' } },
    '?validate_only=true',
  );
  expect(wouldChange.json.changed).toEqual(['basic_auth', 'secret_headers']);
  expect((await put(id, DECLARED)).json.changed).toEqual([]);
  await remove(id);
});

test('of several that make the same endpoint at once, one makes it', async () => {
  const id = newId();
  const answers = await Promise.all(Array.from({ length: 4 }, () => put(id, DECLARED)));
  expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 200, 200, 201]);
  const made = answers.find(({ status }) => status === 201);
  expect((await read(id)).signing_secret_fingerprint).toBe(made?.json.signing_secret_fingerprint);
  await remove(id);
});

test('ids and bodies that are wrong are refused, and so is one endpoint too many', async () => {
  const refused = await put('whe_short', DECLARED);
  expect([refused.status, refused.json.errors]).toEqual([
    422,
    [{ parameter: 'endpoint_id', code: 'pattern', detail: 'must be whe_ and 32 hexadecimal digits' }],
  ]);
  expect((await put(newId(), { url: 'ftp://a' })).json.errors).toMatchObject([{ pointer: '#/url' }]);
  expect((await put(newId(), DECLARED, '?validate_only=perhaps')).status).toBe(422);
  const ids = Array.from({ length: 4 }, newId);
  for (const id of ids) expect((await put(id, DECLARED)).status).toBe(201);
  expect((await put(newId(), DECLARED)).json.code).toBe('too_many_endpoints');
  expect((await put(newId(), DECLARED, '?validate_only=true')).json.code).toBe('too_many_endpoints');
  for (const id of ids) await remove(id);
});

const keyPath = (tenant: string, token: string) =>
  `/admin/tenants/${tenant}/keys/${hash('sha256', token, 'hex')}`;
const putKey = (token: string, body: object, tenant = 'acme') =>
  gateway.call(keyPath(tenant, token), { method: 'PUT', token: ADMIN_KEY, body });
const SOME_JOB = '/v2/tenants/acme/jobs/01890a5d-ac96-774b-bcce-b302099a8057';
const jobsWith = async (token: string) => (await gateway.call(SOME_JOB, { token })).json;

test('a key is made by the digest of its token, does what it says, and changes in place', async () => {
  const token = `errand_${randomBytes(32).toString('base64url')}`;
  const made = await putKey(token, { name: 'billing', scopes: ['jobs:read'] });
  expect(made.status).toBe(201);
  expect(made.json).toMatchObject({ tenant_id: 'acme', name: 'billing', scopes: ['jobs:read'] });
  expect(made.text).not.toContain(token);
  expect((await jobsWith(token)).code).toBe('job_expired');
  const same = await putKey(token, { name: 'billing', scopes: ['jobs:read'] });
  expect([same.status, same.json]).toEqual([200, made.json]);
  const changed = await putKey(token, { name: 'billing', scopes: ['runs:write'] });
  expect([changed.status, changed.json.created_at]).toEqual([200, made.json.created_at]);
  expect((await jobsWith(token)).code).toBe('forbidden');
});

test('a key of another tenant stays what it is, and what is no digest is refused', async () => {
  await gateway.call('/admin/tenants/other', { method: 'PUT', token: ADMIN_KEY });
  const token = randomBytes(32).toString('hex');
  await putKey(token, { name: 'ours' });
  expect((await putKey(token, { name: 'theirs' }, 'other')).json.code).toBe('key_of_another_tenant');
  expect((await jobsWith(token)).code).toBe('job_expired');
  const path = '/admin/tenants/acme/keys/no-digest';
  const refused = await gateway.call(path, { method: 'PUT', token: ADMIN_KEY, body: { name: 'a' } });
  expect(refused.json.errors).toMatchObject([{ parameter: 'key_id', code: 'pattern' }]);
  expect((await putKey(token, { name: 'a' }, 'nobody')).json.code).toBe('unknown_tenant');
});
