import { BUCKETS, WebhookEndpoint } from '@errand/contracts';
import { createSecretBox } from '@errand/runtime';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ADMIN_KEY, startTestGateway, TENANT, type TestGateway } from './gateway.ts';

const PATH = '/v2/tenants/acme/webhooks';
const DAY_S = 86_400;
const box = createSecretBox(Buffer.alloc(32, 7).toString('base64'));
let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startTestGateway();
});

afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
});

const create = async () => (await gateway.call(PATH, { body: { url: 'https://example.com' } })).json;
const rotate = (id: string, body?: object) =>
  gateway.call(`${PATH}/${id}/rotate-secret`, { method: 'POST', ...(body ? { body } : {}) });
const secretOf = (fill: number) => `whsec_${Buffer.alloc(24, fill).toString('base64')}`;

/** What the service that signs requests makes of the stored record: all secrets, the endpoint's own first. */
async function openStored(endpointId: string): Promise<string[]> {
  const bucket = await gateway.bus.buckets.open(BUCKETS.webhookEndpoints, WebhookEndpoint);
  const stored = await bucket.get(`${TENANT}.${endpointId}`);
  if (!stored) return [];
  return [stored.signing_secret, ...(stored.previous_signing_secrets ?? []).map(({ secret }) => secret)].map(
    (sealed) => box.open(sealed, [TENANT, endpointId, 'signing_secret']),
  );
}

test('a rotation shows the new secret once and keeps the old one for a day', async () => {
  const created = await create();
  const began = Date.now();
  const { status, json } = await rotate(created.endpoint_id);
  expect(status).toBe(200);
  expect(json.signing_secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
  expect(json.signing_secret).not.toBe(created.signing_secret);
  expect(json.previous_signing_secrets).toMatchObject([{ fingerprint: created.signing_secret_fingerprint }]);
  const graceMs = Date.parse(json.previous_signing_secrets[0].expires_at) - began;
  expect(Math.round(graceMs / 60_000)).toBe(DAY_S / 60);
  expect(await openStored(created.endpoint_id)).toEqual([json.signing_secret, created.signing_secret]);
  const { signing_secret: _, ...shown } = json;
  expect((await gateway.call(`${PATH}/${created.endpoint_id}`)).json).toEqual({ ...shown, health: null });
});

test('a change of other members keeps the secrets that were replaced; one of the secret itself has no grace', async () => {
  const created = await create();
  const { json: rotated } = await rotate(created.endpoint_id, { signing_secret: secretOf(1), grace_s: 60 });
  const own = `${PATH}/${created.endpoint_id}`;
  const change = { method: 'PATCH', body: { description: 'other' } };
  expect((await gateway.call(own, change)).json.previous_signing_secrets).toEqual(
    rotated.previous_signing_secrets,
  );
  await gateway.call(own, { method: 'PATCH', body: { signing_secret: secretOf(2) } });
  expect(await openStored(created.endpoint_id)).toEqual([secretOf(2), created.signing_secret]);
});

test('the same rotation sent again changes nothing, and one without grace keeps nothing', async () => {
  const { endpoint_id } = await create();
  const body = { signing_secret: secretOf(1), grace_s: 60 };
  const { json } = await rotate(endpoint_id, body);
  expect((await rotate(endpoint_id, body)).json).toEqual(json);
  await rotate(endpoint_id, { signing_secret: secretOf(2), grace_s: 0 });
  expect((await openStored(endpoint_id)).slice(0, 1)).toEqual([secretOf(2)]);
  expect(await openStored(endpoint_id)).not.toContain(secretOf(1));
});

test('three replaced secrets may be valid at once; those that expired make room', async () => {
  const { endpoint_id } = await create();
  for (const grace_s of [30, 600, 600]) expect((await rotate(endpoint_id, { grace_s })).status).toBe(200);
  const refused = await rotate(endpoint_id, { grace_s: 600 });
  expect([refused.status, refused.json.code]).toEqual([409, 'too_many_secrets']);
  expect((await rotate(endpoint_id, { grace_s: 0 })).json.previous_signing_secrets.length).toBe(3);
  gateway.shiftMs = 60_000;
  try {
    const { json } = await gateway.call(`${PATH}/${endpoint_id}`);
    expect(json.previous_signing_secrets.length).toBe(2);
    expect((await rotate(endpoint_id, { grace_s: 600 })).status).toBe(200);
  } finally {
    gateway.shiftMs = 0;
  }
});

test.each([
  [{ grace_s: -1 }, '#/grace_s'],
  [{ grace_s: 604_801 }, '#/grace_s'],
  [{ signing_secret: 'abc' }, '#/signing_secret'],
  [{ secret: 'abc' }, '#/secret'],
])('the rotation %j is 422', async (body, pointer) => {
  const { endpoint_id } = await create();
  const { status, json } = await rotate(endpoint_id, body);
  expect([status, json.errors[0].pointer]).toEqual([422, pointer]);
});

test('rotations and changes that meet lose no secret', async () => {
  const { endpoint_id, signing_secret } = await create();
  const answers = await Promise.all([
    rotate(endpoint_id, { grace_s: 600 }),
    gateway.call(`${PATH}/${endpoint_id}`, { method: 'PATCH', body: { description: 'x' } }),
    rotate(endpoint_id, { grace_s: 600 }),
    gateway.call(`${PATH}/${endpoint_id}`, { method: 'PATCH', body: { max_rps: 1 } }),
  ]);
  const told = answers.flatMap(({ json }) => json.signing_secret ?? []);
  expect((await openStored(endpoint_id)).sort()).toEqual([signing_secret, ...told].sort());
});

test("a tenant's runs sign with a secret of their own, which its first rotation makes and shows", async () => {
  const before = await gateway.call(`${PATH}/job`);
  expect([before.status, before.json.code]).toEqual([404, 'unknown_endpoint']);
  const first = await rotate('job', { signing_secret: secretOf(1) });
  expect(first.json).toMatchObject({ signing_secret: secretOf(1), previous_signing_secrets: [] });
  const second = await rotate('job', { grace_s: 60 });
  expect(await openStored('job')).toEqual([second.json.signing_secret, secretOf(1)]);
  const { signing_secret: _, ...shown } = second.json;
  expect((await gateway.call(`${PATH}/job`)).json).toEqual(shown);
  expect(shown.previous_signing_secrets[0].fingerprint).toBe(first.json.signing_secret_fingerprint);
});

test('what runs sign with is no endpoint: it is not listed, changed, deleted or called', async () => {
  await rotate('job');
  const { json } = await gateway.call(PATH);
  expect(json.webhooks.map(({ endpoint_id }: { endpoint_id: string }) => endpoint_id)).not.toContain('job');
  for (const method of ['PATCH', 'DELETE', 'POST']) {
    const { status, headers } = await gateway.call(`${PATH}/job`, { method });
    expect([status, headers.get('allow')]).toEqual([405, 'GET']);
  }
  for (const verb of ['test', 'pause', 'resume', 'replays']) {
    const body = { since: '2026-01-01T00:00:00Z', only: 'all' };
    const call = gateway.call(`${PATH}/job/${verb}`, verb === 'replays' ? { body } : { method: 'POST' });
    expect((await call).status).toBe(404);
  }
  expect((await openStored('job')).length).toBeGreaterThan(0);
});

test('keys are exchanged while gateways run: both are good, secrets are sealed anew, and the old key is not needed', async () => {
  const [oldKey, newKey] = [7, 8].map((byte) => Buffer.alloc(32, byte).toString('base64'));
  const admin = 'the-admin-key-of-tomorrow';
  const body = {
    url: 'https://example.com',
    basic_auth: { username: 'u', password: 'p' },
    secret_headers: { 'x-a': 'secret' },
  };
  const { endpoint_id: endpointId } = (await gateway.call(PATH, { body })).json;
  const { signing_secret } = (await rotate(endpointId)).json;
  const stored = async () => {
    const bucket = await gateway.bus.buckets.open(BUCKETS.webhookEndpoints, WebhookEndpoint);
    return bucket.get(`${TENANT}.${endpointId}`);
  };

  await using next = await gateway.another({
    secretKey: newKey ?? '',
    otherSecretKeys: [oldKey ?? ''],
    adminKey: admin,
    otherAdminKeys: [ADMIN_KEY],
  });
  const reseal = async (token: string) => {
    const headers = { authorization: `Bearer ${token}` };
    const answer = await fetch(`${next.url}/admin/secrets/reseal`, { method: 'POST', headers });
    return { status: answer.status, json: (await answer.json()) as { resealed: number } };
  };
  expect((await reseal('of-nobody-but-as-long')).status).toBe(401);
  const first = (await reseal(ADMIN_KEY)).json;
  expect(first).toEqual({ resealed: expect.any(Number), left: 0, unreadable: [] });
  expect(first.resealed).toBeGreaterThan(0);
  await expect.poll(async () => (await reseal(admin)).json).toEqual({ resealed: 0, left: 0, unreadable: [] });

  const sealed = await stored();
  const onlyNew = createSecretBox(newKey ?? '');
  const open = (text = '', field = 'signing_secret') => onlyNew.open(text, [TENANT, endpointId, field]);
  expect([
    open(sealed?.signing_secret),
    open(sealed?.basic_auth?.password, 'basic_auth.password'),
    open(sealed?.secret_headers['x-a'], 'secret_headers.x-a'),
  ]).toEqual([signing_secret, 'p', 'secret']);
  expect(sealed?.previous_signing_secrets?.map(({ secret }) => open(secret))).toHaveLength(1);
  // A gateway that has the old key alone tells which it cannot open.
  await expect
    .poll(
      async () => (await gateway.call('/admin/secrets/reseal', { token: ADMIN_KEY, method: 'POST' })).json,
    )
    .toMatchObject({ resealed: 0, left: 0, unreadable: expect.arrayContaining([`${TENANT}.${endpointId}`]) });
});
