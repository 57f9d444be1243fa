import { BUCKETS, WEBHOOK_EVENT_TYPES, WebhookEndpoint } from '@errand/contracts';
import { createSecretBox } from '@errand/runtime';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { RUN_PATH, startTestGateway, TENANT, type TestGateway } from './gateway.ts';

const PATH = '/v2/tenants/acme/webhooks';
const LIMIT = 8;
let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startTestGateway({ webhookEndpointsPerTenant: LIMIT });
});

afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
});

test('an endpoint writes down how far the log had come before it was made, and keeps that when it is changed', async () => {
  const bucket = await gateway.bus.buckets.open(BUCKETS.webhookEndpoints, WebhookEndpoint);
  await gateway.call(RUN_PATH, { body: { tilt_deg: 1 } });
  const { lastVersion } = await gateway.bus.jobs.reach();
  expect(lastVersion).toBeGreaterThan(0);
  const { json } = await create({ url: 'https://hooks.example.com/a' });
  await gateway.call(RUN_PATH, { body: { tilt_deg: 1 } });
  const stored = () => bucket.get(`${TENANT}.${json.endpoint_id}`);
  expect((await stored())?.hears_after).toBe(lastVersion);
  const path = `${PATH}/${json.endpoint_id}`;
  await gateway.call(path, { method: 'PATCH', body: { description: 'b' } });
  await gateway.call(`${path}/resume`, { method: 'POST' });
  expect(await stored()).toMatchObject({ description: 'b', hears_after: lastVersion });
  await gateway.call(path, { method: 'DELETE' });
});

const create = (body: object) => gateway.call(PATH, { body });
const pointersOf = (answer: { json: { errors?: { pointer: string }[] } }) =>
  answer.json.errors?.map(({ pointer }) => pointer);

test('an endpoint is made, read, listed, changed and deleted, and no answer ever holds a secret', async () => {
  const secrets = ['pass-word-1', 'Bearer header-secret', 'header-two', 'pass-word-2'];
  const answers: string[] = [];
  const call = async (path: string, options = {}) => {
    const answer = await gateway.call(path, options);
    answers.push(answer.text + JSON.stringify([...answer.headers]));
    return answer;
  };
  const created = await call(PATH, {
    body: {
      url: 'https://me:pass-word-1@hooks.example.com/in?x=1',
      secret_headers: { 'X-Token': 'Bearer header-secret', 'X-Other': 'header-two' },
      description: 'first',
    },
  });
  expect(created.status).toBe(201);
  expect(created.json).toMatchObject({
    tenant_id: TENANT,
    url: 'https://hooks.example.com/in?x=1',
    method: 'POST',
    enabled: true,
    event_types: [...WEBHOOK_EVENT_TYPES],
    basic_auth: { username: 'me' },
  });
  const { endpoint_id, signing_secret } = created.json;
  expect(endpoint_id).toMatch(/^whe_[0-9a-f]{12}7[0-9a-f]{19}$/);
  expect(signing_secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
  expect(created.json.secret_headers.map(({ name }: { name: string }) => name)).toEqual([
    'x-token',
    'x-other',
  ]);
  answers.splice(0, 1, answers[0]?.replace(signing_secret, '') ?? '');
  secrets.push(signing_secret);

  const own = `${PATH}/${endpoint_id}`;
  const { signing_secret: _, ...shown } = created.json;
  // Nothing has made the tables of which the rest is read.
  expect((await call(own)).json).toEqual({ ...shown, health: null });
  expect((await call(PATH)).json.webhooks).toContainEqual({ ...shown, health: null });

  const changed = await call(own, {
    method: 'PATCH',
    body: {
      enabled: false,
      basic_auth: { username: 'you', password: 'pass-word-2' },
      secret_headers: { 'x-token': null },
    },
  });
  expect(changed.json).toMatchObject({
    enabled: false,
    basic_auth: { username: 'you' },
    description: 'first',
  });
  expect(changed.json.secret_headers.map(({ name }: { name: string }) => name)).toEqual(['x-other']);
  expect(changed.json.signing_secret_fingerprint).toBe(shown.signing_secret_fingerprint);
  expect(changed.json.basic_auth.password_fingerprint).not.toBe(shown.basic_auth.password_fingerprint);
  expect(changed.json.updated_at > shown.updated_at).toBe(true);

  await call(own, { method: 'PATCH', body: { secret_headers: { 'x-bad\n': secrets[1] }, basic_auth: 7 } });
  expect((await call(own, { method: 'DELETE' })).status).toBe(204);
  expect((await call(own)).status).toBe(404);
  for (const secret of secrets) expect(answers.join('\n')).not.toContain(secret);
});

test('secrets are sealed for their tenant, endpoint and field', async () => {
  const given = `whsec_${Buffer.alloc(24, 1).toString('base64')}`;
  const { json } = await create({
    url: 'https://example.com',
    signing_secret: given,
    basic_auth: { username: 'u', password: 'p-1' },
    secret_headers: { 'X-Key': 'k-1' },
  });
  expect(json.signing_secret).toBe(given);
  const bucket = await gateway.bus.buckets.open(BUCKETS.webhookEndpoints, WebhookEndpoint);
  const stored = await bucket.get(`${TENANT}.${json.endpoint_id}`);
  expect(JSON.stringify(stored)).not.toMatch(/p-1|k-1|whsec_/);
  const box = createSecretBox(Buffer.alloc(32, 7).toString('base64'));
  const open = (sealed: string | undefined, field: string) =>
    box.open(sealed ?? '', [TENANT, json.endpoint_id, field]);
  expect(open(stored?.signing_secret, 'signing_secret')).toBe(given);
  expect(open(stored?.basic_auth?.password, 'basic_auth.password')).toBe('p-1');
  expect(open(stored?.secret_headers['x-key'], 'secret_headers.x-key')).toBe('k-1');
  await gateway.call(`${PATH}/${json.endpoint_id}`, { method: 'DELETE' });
});

test('every wrong member is named at once', async () => {
  const answer = await create({
    url: 'http://example.com',
    secret_headers: { host: 'x', 'X-Ok': 'ok' },
    basic_auth: null,
  });
  expect([answer.status, pointersOf(answer)]).toEqual([422, ['#/url', '#/secret_headers/host']]);
  const malformed = await create({
    method: 'PUT',
    event_types: ['job.born'],
    signing_secret: 'abc',
    colour: 1,
  });
  expect(pointersOf(malformed)?.sort()).toEqual([
    '#/colour',
    '#/event_types/0',
    '#/method',
    '#/signing_secret',
    '#/url',
  ]);
});

test('an endpoint that no call would reach, or that waits for an action that there is not, is refused', async () => {
  const blocked = await create({ url: 'https://10.0.0.1/x' });
  expect([blocked.status, blocked.json.errors[0]]).toEqual([
    422,
    {
      pointer: '#/url',
      code: 'address_blocked',
      detail: expect.stringContaining('ERRAND_WEBHOOKS_ALLOW_CIDRS'),
    },
  ]);
  const run = await gateway.call(RUN_PATH, {
    body: { tilt_deg: 1, _job: { webhook: { url: 'https://169.254.169.254/latest' } } },
  });
  expect([run.status, pointersOf(run)]).toEqual([422, ['#/_job/webhook/url']]);
  const misspelt = await create({ url: 'https://example.com', actions: ['simulate', 'simulat'] });
  expect([misspelt.status, misspelt.json.errors[0]]).toMatchObject([
    422,
    { pointer: '#/actions/1', code: 'unknown_action' },
  ]);
  const { json } = await create({ url: 'https://example.com', actions: ['simulate'] });
  const own = `${PATH}/${json.endpoint_id}`;
  const changed = await gateway.call(own, { method: 'PATCH', body: { actions: ['nope'] } });
  expect([changed.status, pointersOf(changed)]).toEqual([422, ['#/actions/0']]);
  await gateway.call(own, { method: 'DELETE' });
});

test('a change is checked against what is stored', async () => {
  const { json } = await create({ url: 'https://example.com/<JOB_ID>', method: 'GET' });
  const own = `${PATH}/${json.endpoint_id}`;
  expect(pointersOf(await gateway.call(own, { method: 'PATCH', body: { method: 'POST' } }))).toEqual([
    '#/url',
  ]);
  const both = { basic_auth: { username: 'u', password: 'p' }, secret_headers: { authorization: 'x' } };
  expect(pointersOf(await gateway.call(own, { method: 'PATCH', body: both }))).toEqual([
    '#/secret_headers/authorization',
  ]);
  await gateway.call(own, { method: 'DELETE' });
});

test("another tenant's endpoint is not there", async () => {
  const { json } = await create({ url: 'https://example.com' });
  const token = (await gateway.createKey('other', 'stranger')).api_key;
  const theirs = `/v2/tenants/other/webhooks/${json.endpoint_id}`;
  expect((await gateway.call(theirs, { token })).status).toBe(404);
  expect((await gateway.call('/v2/tenants/other/webhooks', { token })).json.webhooks).toEqual([]);
  await gateway.call(`${PATH}/${json.endpoint_id}`, { method: 'DELETE' });
});

test('an endpoint with an end is gone after it, unless the end is put off', async () => {
  const body = { url: 'https://example.com', expires_in_s: 10 };
  const { json: left } = await create(body);
  const { json: kept } = await create(body);
  const one = (id: string) => `${PATH}/${id}`;
  gateway.shiftMs = 9_000;
  const renewed = await gateway.call(one(kept.endpoint_id), { method: 'PATCH', body: { expires_in_s: 10 } });
  expect(Date.parse(renewed.json.expires_at)).toBeGreaterThan(Date.parse(kept.expires_at));
  gateway.shiftMs = 11_000;
  expect((await gateway.call(one(left.endpoint_id))).json.code).toBe('unknown_endpoint');
  const { webhooks } = (await gateway.call(PATH)).json;
  expect(webhooks.map((each: { endpoint_id: string }) => each.endpoint_id)).toEqual([kept.endpoint_id]);
  for (let made = 1; made < LIMIT; made++) expect((await create(body)).status).toBe(201);
  expect((await create(body)).json.code).toBe('too_many_endpoints');
  const bucket = await gateway.bus.buckets.open(BUCKETS.webhookEndpoints, WebhookEndpoint);
  expect(await bucket.get(`${TENANT}.${left.endpoint_id}`)).toBeUndefined();
  gateway.shiftMs = 30_000;
  expect((await gateway.call(PATH)).json.webhooks).toEqual([]);
});

test('a tenant may have so many endpoints and no more', async () => {
  for (let made = 0; made < LIMIT; made++) {
    expect((await create({ url: 'https://example.com' })).status).toBe(201);
  }
  const refused = await create({ url: 'https://example.com' });
  expect([refused.status, refused.json.code]).toEqual([409, 'too_many_endpoints']);
});
