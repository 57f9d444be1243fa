import { KEY_SCOPES } from '@errand/contracts';
import { waitUntil } from '@errand/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ADMIN_KEY, RUN_PATH, startTestGateway, type TestGateway } from './gateway.ts';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startTestGateway();
});
afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
});

const TOKENS = '/v2/tenants/acme/tokens';
const STATUS_PATH = RUN_PATH.replace(/run$/, 'status');

async function makeKey(about: object = {}): Promise<{ key_id: string; api_key: string }> {
  const body = { name: 'parent', ...about };
  const made = await gateway.call('/admin/tenants/acme/keys', { token: ADMIN_KEY, body });
  expect(made.status).toBe(201);
  return made.json;
}

async function makeToken(parent: string, about: object): Promise<string> {
  const made = await gateway.call(TOKENS, { token: parent, body: about });
  expect(made.status).toBe(201);
  return made.json.token;
}

const makeJob = async (token: string, body: object = {}) =>
  (await gateway.call(RUN_PATH, { token, body: { tilt_deg: 1, ...body } })).json.job_id;

test.each(KEY_SCOPES.filter((scope) => !/^(keys|schedules):write$/.test(scope)))(
  'a child token with the scope %s may do that and nothing else',
  async (scope) => {
    const { api_key: parent } = await makeKey();
    const token = await makeToken(parent, { scopes: [scope] });
    const allowed: Record<string, string> = {
      'runs:write': RUN_PATH,
      'jobs:cancel': RUN_PATH.replace(/run$/, 'cancel'),
      'jobs:read': '/v2/tenants/acme/jobs',
      'feed:read': '/v2/tenants/acme/events?after=latest',
      'webhooks:read': '/v2/tenants/acme/webhooks',
      'webhooks:write': '/v2/tenants/acme/webhooks',
      'schedules:read': '/v2/tenants/acme/schedules',
      'schedules:write': '/v2/tenants/acme/schedules',
      'keys:write': TOKENS,
    };
    for (const [needed, path] of Object.entries(allowed)) {
      const isWrite = /write|cancel/.test(needed);
      const answer = await gateway.call(path, { token, ...(isWrite ? { body: {} } : {}) });
      expect(answer.json.code === 'forbidden', path).toBe(needed !== scope);
    }
  },
);

test('a child token for one job reads that job, and knows no other', async () => {
  const { api_key: parent } = await makeKey();
  const [own, other] = [await makeJob(parent), await makeJob(parent)];
  const token = await makeToken(parent, { scopes: ['jobs:read', 'runs:write', 'feed:read'], job_id: own });
  const codes = async (path: string, options = {}) => {
    const { status, json } = await gateway.call(path, { token, ...options });
    return json.code ?? status;
  };
  expect(await codes(`/v2/tenants/acme/jobs/${own}`)).toBe(200);
  expect(await codes(`${STATUS_PATH}?job_id=${own}`)).toBe(200);
  expect(await codes(`/v2/tenants/acme/jobs/${own}/events`)).toBe(200);
  expect(await codes(`/v2/tenants/acme/jobs/${other}`)).toBe('unknown_job');
  expect(await codes(`${STATUS_PATH}?job_id=${other}`)).toBe('unknown_job');
  expect(await codes('/v2/tenants/acme/jobs')).toBe('forbidden');
  expect(await codes('/v2/tenants/acme/events')).toBe('forbidden');
  expect(await codes(RUN_PATH, { body: { tilt_deg: 1 } })).toBe('forbidden');
});

test('a child token dies with its parent, within a second at every gateway', async () => {
  await using second = await gateway.another();
  const { api_key: parent, key_id } = await makeKey();
  const token = await makeToken(parent, { scopes: ['jobs:read'] });
  const statusAt = async (url: string) =>
    (await fetch(`${url}/v2/tenants/acme/actions`, { headers: { authorization: `Bearer ${token}` } })).status;
  expect([await statusAt(gateway.url), await statusAt(second.url)]).toEqual([200, 200]);
  await gateway.call(`/admin/keys/${key_id}`, { method: 'DELETE', token: ADMIN_KEY });
  expect(await statusAt(gateway.url)).toBe(401);
  // A second by the looks that fit in, since a machine that stands still makes none.
  let looks = 0;
  const isOver = async () => (await statusAt(second.url)) === 401 || ++looks === 20;
  await waitUntil(isOver, { intervalMs: 50 });
  expect(looks).toBeLessThan(20);
});

test('a child token ends at its time, and no later than its parent', async () => {
  const endMs = Date.now() + 60_000;
  const { api_key: parent } = await makeKey({ expires_at: new Date(endMs).toISOString() });
  const made = await gateway.call(TOKENS, { token: parent, body: { scopes: ['jobs:read'], ttl_s: 3_600 } });
  expect(Date.parse(made.json.expires_at)).toBe(endMs);
  const short = await makeToken(parent, { scopes: ['jobs:read'], ttl_s: 30 });
  const list = async () => (await gateway.call('/v2/tenants/acme/actions', { token: short })).status;
  expect(await list()).toBe(200);
  gateway.shiftMs = 31_000;
  expect(await list()).toBe(401);
  gateway.shiftMs = 0;
});

test('a stream ends with the token that opened it', async () => {
  const { api_key: parent } = await makeKey();
  // Another one where it has ended before the stream has begun.
  const { token, stream } = await waitUntil(async () => {
    const token = await makeToken(parent, { scopes: ['feed:read'], ttl_s: 1 });
    const headers = { authorization: `Bearer ${token}`, accept: 'text/event-stream' };
    const stream = await fetch(`${gateway.url}/v2/tenants/acme/changes`, { headers });
    return stream.status === 200 ? { token, stream } : undefined;
  });
  await stream.text().catch(() => {});
  expect((await gateway.call('/v2/tenants/acme/actions', { token })).status).toBe(401);
});

test('only a key makes child tokens, and of its own scopes only', async () => {
  const { api_key: parent } = await makeKey({ scopes: ['keys:write', 'jobs:read'] });
  const wrong = await gateway.call(TOKENS, {
    token: parent,
    body: { scopes: ['jobs:read', 'runs:write'] },
  });
  expect([wrong.status, wrong.json.errors[0].pointer]).toEqual([422, '#/scopes/1']);
  const child = await makeToken(parent, { scopes: ['jobs:read'] });
  const refused = async (token: string) =>
    (await gateway.call(TOKENS, { token, body: { scopes: ['jobs:read'] } })).json.code;
  expect(await refused(child)).toBe('forbidden');
  expect(await refused(ADMIN_KEY)).toBe('forbidden');
  const self = await gateway.call(TOKENS, { token: parent, body: { scopes: ['keys:write'] } });
  expect(self.status).toBe(422);
});

test('a token that was changed, or is for another tenant, is refused', async () => {
  const { api_key: parent } = await makeKey();
  const token = await makeToken(parent, { scopes: ['jobs:read'] });
  const at = token.length - 30;
  const changed = token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1);
  expect((await gateway.call('/v2/tenants/acme/actions', { token: changed })).status).toBe(401);
  const foreign = await gateway.call('/v2/tenants/other/jobs', { token });
  expect(foreign.json.code).toBe('unknown_tenant');
});

test('a key with a metadata filter makes jobs that have its entries, and sees no others', async () => {
  const { api_key: free } = await makeKey();
  const { api_key: north } = await makeKey({ metadata_filter: { region: 'north' } });
  const other = await makeJob(free, { _job: { metadata: { region: 'south' } } });
  const own = await makeJob(north, { _job: { metadata: { user: 'u-1' } } });
  const read = (token: string, path: string) => gateway.call(`/v2/tenants/acme${path}`, { token });
  expect((await read(north, `/jobs/${own}`)).json.metadata).toEqual({ user: 'u-1', region: 'north' });
  expect((await read(north, `/jobs/${other}`)).json.code).toBe('unknown_job');
  expect((await gateway.call(`${STATUS_PATH}?job_id=${other}`, { token: north })).json.code).toBe(
    'unknown_job',
  );
  const cancel = { token: north, body: {}, method: 'POST' };
  expect((await gateway.call(`/v2/tenants/acme/jobs/${other}/cancel`, cancel)).json.code).toBe('unknown_job');
  const body = { tilt_deg: 1, _job: { metadata: { region: 'south' } } };
  const contradiction = await gateway.call(RUN_PATH, { token: north, body });
  expect([contradiction.status, contradiction.json.errors[0].pointer]).toEqual([
    422,
    '#/_job/metadata/region',
  ]);
  expect((await read(north, '/events')).json.code).toBe('forbidden');
  expect((await read(north, '/webhooks')).json.code).toBe('forbidden');
  expect((await read(north, '/jobs?metadata.region=south')).json).toEqual({ jobs: [], next_cursor: null });
});

test('keys with different filters do not find each other by an Idempotency-Key', async () => {
  const { api_key: north } = await makeKey({ metadata_filter: { region: 'north' } });
  const { api_key: south } = await makeKey({ metadata_filter: { region: 'south' } });
  const headers = { 'idempotency-key': 'same' };
  const run = async (token: string) =>
    (await gateway.call(RUN_PATH, { token, headers, body: { tilt_deg: 1 } })).json.job_id;
  const first = await run(north);
  expect(await run(south)).not.toBe(first);
  expect(await run(north)).toBe(first);
});

test('the last use of a key is known to the minute', async () => {
  const { api_key: token, key_id } = await makeKey();
  const lastUse = async () => {
    const { json } = await gateway.call('/admin/tenants/acme/keys', { token: ADMIN_KEY });
    return json.keys.find((key: { key_id: string }) => key.key_id === key_id).last_used_at;
  };
  expect(await lastUse()).toBeNull();
  const before = Math.floor(Date.now() / 60_000) * 60_000;
  await gateway.call('/v2/tenants/acme/actions', { token });
  await waitUntil(async () => (await lastUse()) !== null);
  expect(Date.parse(await lastUse())).toBeGreaterThanOrEqual(before);
});
