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

/** What the console sends with every request. */
const OWN = { 'sec-fetch-site': 'same-origin', 'errand-console': '1' };
const JOBS = '/v2/tenants/acme/jobs';

async function signIn(proof: object): Promise<string> {
  const begun = await gateway.call('/session', { token: '', headers: OWN, body: proof });
  expect(begun.status).toBe(200);
  return begun.headers.get('set-cookie')?.split(';')[0] ?? '';
}

const withCookie = (
  path: string,
  cookie: string,
  options: { body?: object; headers?: object; method?: string } = {},
) => gateway.call(path, { token: '', ...options, headers: { cookie, ...OWN, ...options.headers } });

const makeKey = async (about: object = {}): Promise<{ key_id: string; api_key: string }> =>
  (await gateway.call('/admin/tenants/acme/keys', { token: ADMIN_KEY, body: { name: 'console', ...about } }))
    .json;

test('a session does what its key may, and says whose it is', async () => {
  const { api_key } = await makeKey({ scopes: ['jobs:read'] });
  const begun = await gateway.call('/session', { token: '', headers: OWN, body: { api_key } });
  expect(begun.json).toMatchObject({
    role: 'tenant',
    tenant_id: 'acme',
    name: 'console',
    scopes: ['jobs:read'],
  });
  const cookie = begun.headers.get('set-cookie') ?? '';
  expect(cookie).toMatch(/^errand_session_\d+=v1\.[^;]+; Path=\/; HttpOnly; SameSite=Strict; Max-Age=43200$/);
  expect(cookie).not.toContain(api_key);
  const own = cookie.split(';')[0] ?? '';
  expect((await withCookie(`${RUN_PATH.replace(/run$/, 'status')}?job_id=x`, own)).status).toBe(422);
  expect((await withCookie(RUN_PATH, own, { body: { tilt_deg: 1 } })).json.code).toBe('forbidden');
  expect((await withCookie('/session', own)).json).toMatchObject({ tenant_id: 'acme' });
  expect((await withCookie('/v2/tenants/other/jobs', own)).json.code).toBe('unknown_tenant');
  expect((await withCookie('/admin/tenants', own)).json.code).toBe('unauthorized');
});

test('an admin session makes no sign-in code, and so cannot outlive its hour', async () => {
  const cookie = await signIn({ api_key: ADMIN_KEY });
  const made = await withCookie('/admin/sign-in-codes', cookie, { method: 'POST' });
  expect([made.status, made.json.code]).toEqual([403, 'forbidden']);
});

test('a body that is far too large for a key is not read', async () => {
  const body = { api_key: 'x'.repeat(5_000) };
  expect((await gateway.call('/session', { token: '', headers: OWN, body })).json.code).toBe('too_large');
});

test('an admin session opens the administration, for an hour', async () => {
  const begun = await gateway.call('/session', { token: '', headers: OWN, body: { api_key: ADMIN_KEY } });
  expect(begun.json).toMatchObject({ role: 'admin', name: 'admin' });
  expect(begun.headers.get('set-cookie')).toContain('Max-Age=3600');
  const cookie = begun.headers.get('set-cookie')?.split(';')[0] ?? '';
  expect((await withCookie('/admin/tenants', cookie)).status).toBe(200);
});

test.each([
  ['another origin', { 'sec-fetch-site': 'cross-site' }, 'GET'],
  ['another port of the site', { 'sec-fetch-site': 'same-site' }, 'GET'],
  ['no browser', { 'sec-fetch-site': '' }, 'GET'],
  ['a form of another origin', { 'sec-fetch-site': 'cross-site' }, 'POST'],
])('a cookie that comes from %s does not count', async (_, headers, method) => {
  const cookie = await signIn({ api_key: (await makeKey()).api_key });
  const answer = await withCookie(method === 'GET' ? JOBS : RUN_PATH, cookie, {
    headers,
    ...(method === 'POST' ? { body: { tilt_deg: 1 } } : {}),
  });
  expect(answer.json.code).toBe('unauthorized');
});

test('a change needs the header that only the console sends', async () => {
  const cookie = await signIn({ api_key: (await makeKey()).api_key });
  const sent = { 'sec-fetch-site': 'same-origin' };
  const answer = await gateway.call(RUN_PATH, {
    token: '',
    headers: { cookie, ...sent },
    body: { tilt_deg: 1 },
  });
  expect(answer.json.code).toBe('unauthorized');
  expect((await withCookie(RUN_PATH, cookie, { body: { tilt_deg: 1 } })).status).toBe(202);
});

test.each([
  ['another origin', { 'sec-fetch-site': 'cross-site', 'errand-console': '1' }],
  ['a form of the same origin', { 'sec-fetch-site': 'same-origin' }],
])('%s cannot begin a session', async (_, headers) => {
  const { api_key } = await makeKey();
  const answer = await gateway.call('/session', { token: '', headers, body: { api_key } });
  expect(answer.json.code).toBe('forbidden');
  expect(answer.headers.get('set-cookie')).toBe(null);
});

test('revoking the key ends its sessions, and a cookie of before stays worthless', async () => {
  const { api_key, key_id } = await makeKey();
  const cookie = await signIn({ api_key });
  const path = `${JOBS}?limit=1`;
  expect((await withCookie(path, cookie)).json.code).not.toBe('unauthorized');
  await gateway.call(`/admin/keys/${key_id}`, { token: ADMIN_KEY, method: 'DELETE' });
  await waitUntil(async () => (await withCookie(path, cookie)).json.code === 'unauthorized');
  expect((await withCookie('/session', cookie)).status).toBe(204);
});

test('a session of a child token may what the token may, and ends with it', async () => {
  const { api_key } = await makeKey();
  const tokens = '/v2/tenants/acme/tokens';
  const child = await gateway.call(tokens, { token: api_key, body: { scopes: ['feed:read'], ttl_s: 60 } });
  const begun = await gateway.call('/session', {
    token: '',
    headers: OWN,
    body: { api_key: child.json.token },
  });
  expect(begun.json).toMatchObject({ scopes: ['feed:read'], expires_at: child.json.expires_at });
  const cookie = begun.headers.get('set-cookie')?.split(';')[0] ?? '';
  expect((await withCookie(JOBS, cookie)).json.code).toBe('forbidden');
});

test('a session of one gateway counts at another, unless that has another admin key', async () => {
  const [own, admin] = [
    await signIn({ api_key: (await makeKey()).api_key }),
    await signIn({ api_key: ADMIN_KEY }),
  ];
  await using other = await gateway.another();
  await using rotated = await gateway.another({ adminKey: 'another-admin-key-for-tests' });
  const rename = (cookie: string, url: string) => cookie.replace(/_\d+=/, `_${new URL(url).port}=`);
  const ask = (url: string, cookie: string) =>
    fetch(`${url}/session`, { headers: { cookie: rename(cookie, url), ...OWN } }).then(
      ({ status }) => status,
    );
  expect(await ask(other.url, own)).toBe(200);
  expect(await ask(other.url, admin)).toBe(200);
  expect(await ask(rotated.url, own)).toBe(200);
  expect(await ask(rotated.url, admin)).toBe(204);
});

test('a sign-in code begins one session, at whichever gateway is first', async () => {
  await using other = await gateway.another();
  const made = await gateway.call('/admin/sign-in-codes', { token: ADMIN_KEY, body: { ttl_s: 60 } });
  expect(made.status).toBe(201);
  expect(made.json.path).toBe(`/console/sign-in#code=${made.json.code}`);
  const tryAt = (url: string) =>
    fetch(`${url}/session`, {
      method: 'POST',
      headers: { ...OWN, 'content-type': 'application/json' },
      body: JSON.stringify({ code: made.json.code }),
    }).then(({ status }) => status);
  const answers = await Promise.all(
    Array.from({ length: 10 }, (_, turn) => tryAt(turn % 2 ? gateway.url : other.url)),
  );
  expect(answers.filter((status) => status === 200)).toHaveLength(1);
  expect(answers.filter((status) => status === 401)).toHaveLength(9);
});

test.each([
  ['no proof', {}, 422],
  ['a wrong key', { api_key: 'errand_wrong' }, 401],
  ['a wrong code', { code: 'v1.a.b.c.d' }, 401],
  ['two proofs', { api_key: ADMIN_KEY, code: 'x' }, 422],
])('%s begins no session', async (_, body, status) => {
  const answer = await gateway.call('/session', { token: '', headers: OWN, body });
  expect(answer.status).toBe(status);
  expect(answer.headers.get('set-cookie')).toBe(null);
});

test('signing out ends the session on every gateway, whoever kept the cookie', async () => {
  const cookie = await signIn({ api_key: ADMIN_KEY });
  await using other = await gateway.another();
  const ended = await withCookie('/session', cookie, { method: 'DELETE' });
  expect(ended.status).toBe(204);
  expect(ended.headers.get('set-cookie')).toMatch(/^errand_session_\d+=; .*Max-Age=0$/);
  const replayed = cookie.replace(/_\d+=/, `_${new URL(other.url).port}=`);
  await waitUntil(async () => (await withCookie('/admin/tenants', cookie)).status === 401);
  await waitUntil(
    async () =>
      (await fetch(`${other.url}/admin/tenants`, { headers: { cookie: replayed, ...OWN } })).status === 401,
  );
});

test('the console is one page at every path of its own, under a policy that lets nothing in', async () => {
  const page = await gateway.call('/console/t/acme/jobs', { token: '' });
  expect(page.status).toBe(200);
  expect(page.headers.get('content-security-policy')).toContain(
    "default-src 'none'; script-src 'self'; style-src 'self'",
  );
  expect(page.headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
  const [, asset] = /src="(\/console\/assets\/[^"]+\.js)"/.exec(page.text) ?? [];
  const script = await gateway.call(asset ?? '', { token: '' });
  expect(script.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
  expect(script.text).toContain('API key, or the admin key');
  expect((await gateway.call('/console/assets/..%2findex.html', { token: '' })).json.code).toBe(
    'unknown_route',
  );
});
