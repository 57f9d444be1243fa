import { waitUntil } from '@errand/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ADMIN_KEY, RUN_PATH, startTestGateway, TENANT, type TestGateway } from './gateway.ts';
import { openReadModel } from './read-model.ts';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startTestGateway();
  await using readModel = openReadModel(gateway);
  await readModel.migrate();
});
afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
});

const SESSIONS = `/v2/tenants/${TENANT}/portal-sessions`;
const JOBS = `/v2/tenants/${TENANT}/jobs`;
const OF_C1 = { scopes: ['jobs:read'], metadata_filter: { customer: 'c-1' } };

async function makeKey(about: object = {}): Promise<{ key_id: string; api_key: string }> {
  const body = { name: 'parent', ...about };
  return (await gateway.call(`/admin/tenants/${TENANT}/keys`, { token: ADMIN_KEY, body })).json;
}

interface Portal {
  session_id: string;
  path: string;
  code: string;
}

async function makePortal(token: string, about: object = OF_C1): Promise<Portal> {
  const made = await gateway.call(SESSIONS, { token, body: about });
  expect(made.status).toBe(201);
  return { ...made.json, code: made.json.path.split('#code=')[1] };
}

const open = ({ session_id }: Portal, code: string) =>
  gateway.call(`/portal/${session_id}/token`, { token: null, body: { code } });

async function tokenOf(portal: Portal): Promise<string> {
  const opened = await open(portal, portal.code);
  expect(opened.status).toBe(200);
  return opened.json.token;
}

const makeJob = async (token: string, metadata: object): Promise<string> =>
  (await gateway.call(RUN_PATH, { token, body: { tilt_deg: 1, _job: { metadata } } })).json.job_id;

test('a portal shows the jobs that its filter allows, and knows no other', async () => {
  const { api_key: key } = await makeKey();
  const own = await makeJob(key, { customer: 'c-1', more: 'x' });
  const other = await makeJob(key, { customer: 'c-2' });
  const token = await tokenOf(await makePortal(key));
  const codeAt = async (path: string, options = {}) => {
    const { status, json } = await gateway.call(path, { token, ...options });
    return json?.code ?? status;
  };
  expect(await codeAt(`${JOBS}/${own}`)).toBe(200);
  expect(await codeAt(`${JOBS}/${own}/input`)).toBe(200);
  for (const part of ['', '/events', '/input', '/result']) {
    expect([part, await codeAt(`${JOBS}/${other}${part}`)]).toEqual([part, 'unknown_job']);
  }
  expect(await codeAt(`${JOBS}/${own}/cancel`, { body: {} })).toBe('forbidden');
  expect(await codeAt(RUN_PATH, { body: { tilt_deg: 1 } })).toBe('forbidden');
  expect(await codeAt(SESSIONS, { body: OF_C1 })).toBe('forbidden');
  expect(await codeAt(`/v2/tenants/${TENANT}/tokens`, { body: { scopes: ['jobs:read'] } })).toBe('forbidden');
  expect(await codeAt('/v2/tenants/other/jobs')).toBe('unknown_tenant');
  expect(await codeAt('/admin/tenants')).toBe('unauthorized');
});

test('what a portal may run gets the entries of its filter', async () => {
  const { api_key: key } = await makeKey();
  const token = await tokenOf(await makePortal(key, { ...OF_C1, scopes: ['runs:write', 'jobs:read'] }));
  const jobId = await makeJob(token, { more: 'x' });
  expect((await gateway.call(`${JOBS}/${jobId}`, { token })).json.metadata).toEqual({
    customer: 'c-1',
    more: 'x',
  });
  const refused = await gateway.call(RUN_PATH, {
    token,
    body: { tilt_deg: 1, _job: { metadata: { customer: 'c-2' } } },
  });
  expect(refused.json.errors).toMatchObject([{ pointer: '#/_job/metadata/customer', code: 'const' }]);
});

test('a code opens its own session, once, whoever is first', async () => {
  const { api_key: key } = await makeKey();
  const [portal, other] = [await makePortal(key), await makePortal(key)];
  expect((await open(other, portal.code)).json.code).toBe('unauthorized');
  const opened = await Promise.all(Array.from({ length: 5 }, () => open(portal, portal.code)));
  expect(opened.map(({ status }) => status).toSorted()).toEqual([200, 401, 401, 401, 401]);
  expect(opened.find(({ status }) => status === 200)?.json).toMatchObject({
    tenant_id: TENANT,
    scopes: ['jobs:read'],
    theme: 'system',
  });
  expect((await open({ ...portal, session_id: 'acme.nobody' }, portal.code)).status).toBe(401);
});

test('only pages of the given origins may frame it, and none without', async () => {
  const { api_key: key } = await makeKey();
  const policyOf = async (path: string) => {
    const { status, headers } = await gateway.call(path, { token: null });
    expect(status).toBe(200);
    return [headers.get('content-security-policy')?.split('; ').at(-1), headers.get('x-frame-options')];
  };
  const frame_ancestors = ['https://app.example.org', 'http://localhost:3000'];
  const framed = await makePortal(key, { ...OF_C1, frame_ancestors });
  const page = framed.path.split('#')[0] ?? '';
  const allowed = ['frame-ancestors https://app.example.org http://localhost:3000', null];
  expect(await policyOf(page)).toEqual(allowed);
  expect(await policyOf(`${page}/t/acme/jobs`)).toEqual(allowed);
  const never = ["frame-ancestors 'none'", 'DENY'];
  expect(await policyOf(`/portal/${(await makePortal(key)).session_id}`)).toEqual(never);
  expect(await policyOf('/portal/acme.nobody')).toEqual(never);
});

test.each([
  'https://app.example.org/',
  'https://app.example.org/path',
  'https://*.example.org',
  "'self'",
  '*',
  'javascript:alert(1)',
  "https://a.example; script-src 'unsafe-inline'",
  // Which URLs take for a host.
  'https://a.example;script-src-elem',
  'https://a.example,b.example',
  "https://'self'",
  'app.example.org',
])('%j is no origin that may frame', async (origin) => {
  const { api_key: key } = await makeKey();
  const made = await gateway.call(SESSIONS, { token: key, body: { ...OF_C1, frame_ancestors: [origin] } });
  expect([made.status, made.json.errors?.[0].pointer]).toEqual([422, '#/frame_ancestors/0']);
});

test('a key hands on no more than it may', async () => {
  const { api_key: key } = await makeKey({
    scopes: ['keys:write', 'jobs:read'],
    metadata_filter: { region: 'eu' },
  });
  const made = await gateway.call(SESSIONS, {
    token: key,
    body: { scopes: ['jobs:read', 'runs:write'], metadata_filter: { region: 'us' } },
  });
  expect(made.json.errors.map(({ pointer }: { pointer: string }) => pointer)).toEqual([
    '#/scopes/1',
    '#/metadata_filter/region',
  ]);
  const { api_key: full } = await makeKey();
  const inEurope = await makeJob(full, { region: 'eu', customer: 'c-1' });
  const elsewhere = await makeJob(full, { region: 'us', customer: 'c-1' });
  const token = await tokenOf(await makePortal(key));
  expect((await gateway.call(`${JOBS}/${inEurope}`, { token })).status).toBe(200);
  expect((await gateway.call(`${JOBS}/${elsewhere}`, { token })).json.code).toBe('unknown_job');
});

test('a key sees and revokes no session that may do more than itself', async () => {
  const { api_key: full } = await makeKey();
  const { api_key: reader } = await makeKey({ scopes: ['keys:write', 'jobs:read'] });
  const [more, less] = [
    await makePortal(full, { scopes: ['jobs:read', 'jobs:cancel'] }),
    await makePortal(full, { scopes: ['jobs:read'] }),
  ];
  const { json } = await gateway.call(SESSIONS, { token: reader });
  const seen = json.portal_sessions.map(({ session_id }: Portal) => session_id);
  expect([seen.includes(more.session_id), seen.includes(less.session_id)]).toEqual([false, true]);
  const revoke = async ({ session_id }: Portal) =>
    (await gateway.call(`${SESSIONS}/${session_id}`, { token: reader, method: 'DELETE' })).status;
  expect([await revoke(more), await revoke(less)]).toEqual([404, 204]);
});

test('a session that is revoked, or whose key is, ends at once, and what goes on of it too', async () => {
  const [{ api_key: key }, second] = [await makeKey(), await makeKey()];
  const jobId = await makeJob(key, { customer: 'c-1' });
  const portal = await makePortal(key);
  const token = await tokenOf(portal);
  const stream = await fetch(`${gateway.url}${JOBS}/${jobId}/events`, {
    headers: { authorization: `Bearer ${token}`, accept: 'text/event-stream' },
  });
  expect(stream.status).toBe(200);
  const ended = stream.text().catch(() => 'cut off');
  const listed = async () =>
    (await gateway.call(SESSIONS, { token: key })).json.portal_sessions.map(
      ({ session_id }: Portal) => session_id,
    );
  expect(await listed()).toContain(portal.session_id);
  const path = `${SESSIONS}/${portal.session_id}`;
  expect((await gateway.call(path, { token: key, method: 'DELETE' })).status).toBe(204);
  expect((await gateway.call(`${JOBS}/${jobId}`, { token })).json.code).toBe('unauthorized');
  await ended;
  expect(await listed()).not.toContain(portal.session_id);
  expect((await gateway.call(path, { token: key, method: 'DELETE' })).json.code).toBe(
    'unknown_portal_session',
  );

  const ofSecond = await tokenOf(await makePortal(second.api_key));
  expect((await gateway.call(`${JOBS}/${jobId}`, { token: ofSecond })).status).toBe(200);
  await gateway.call(`/admin/keys/${second.key_id}`, { token: ADMIN_KEY, method: 'DELETE' });
  await waitUntil(
    async () => (await gateway.call(`${JOBS}/${jobId}`, { token: ofSecond })).json.code === 'unauthorized',
  );
});

test("another tenant's key neither sees nor revokes a session", async () => {
  const portal = await makePortal((await makeKey()).api_key);
  await gateway.call('/admin/tenants/other', { token: ADMIN_KEY, method: 'PUT', body: {} });
  const made = await gateway.call('/admin/tenants/other/keys', { token: ADMIN_KEY, body: { name: 'k' } });
  const token = made.json.api_key;
  const own = '/v2/tenants/other/portal-sessions';
  expect((await gateway.call(own, { token })).json).toEqual({ portal_sessions: [] });
  const answer = await gateway.call(`${own}/${portal.session_id}`, { token, method: 'DELETE' });
  expect(answer.json.code).toBe('unknown_portal_session');
});

test('a tenant has so many portal sessions and no more; one that ends makes room', async () => {
  await using small = await startTestGateway({ portalSessionsPerTenant: 2 });
  const body = { scopes: ['jobs:read'] };
  const make = (about = {}) => small.call(SESSIONS, { body: { ...body, ...about } });
  expect((await make()).status).toBe(201);
  const { session_id } = (await make()).json;
  expect((await make()).json.code).toBe('too_many_portal_sessions');
  await small.call(`${SESSIONS}/${session_id}`, { method: 'DELETE' });
  expect((await make({ ttl_s: 60 })).status).toBe(201);
});

test('a session is over by the clock', async () => {
  await using own = await startTestGateway();
  const made = await own.call(SESSIONS, { body: { scopes: ['jobs:read'], ttl_s: 60 } });
  const opened = await own.call(`/portal/${made.json.session_id}/token`, {
    token: null,
    body: { code: made.json.path.split('#code=')[1] },
  });
  const { token } = opened.json;
  expect((await own.call(`${JOBS}/${'0'.repeat(8)}`, { token })).json.code).not.toBe('unauthorized');
  own.shiftMs = 60_000;
  expect((await own.call(`${JOBS}/${'0'.repeat(8)}`, { token })).json.code).toBe('unauthorized');
  expect((await own.call(SESSIONS)).json).toEqual({ portal_sessions: [] });
});
