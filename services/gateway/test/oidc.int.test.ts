import { BUCKETS, Tenant } from '@errand/contracts';
import {
  type OpenidProvider,
  startOpenidProvider,
  startReceiver,
  TEST_CLIENT,
  TEST_PUBLIC_CLIENT,
  waitUntil,
} from '@errand/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ADMIN_KEY, RUN_PATH, startTestGateway, type TestGateway } from './gateway.ts';

/* People sign in at a real OpenID provider. */

/** What the provider says of them. */
const PEOPLE = {
  root: { groups: ['staff', 'errand-admins'] },
  vera: { tenants: 'acme' },
  otto: { tenants: ['acme:operator'] },
  olga: { tenants: ['acme:owner', 'shop', 'nowhere:owner'] },
  nora: { groups: ['staff'] },
  gerd: { tenants: ['nowhere:owner'] },
  dora: { tenants: ['doomed:owner'] },
  many: { tenants: Array.from({ length: 21 }, (_, index) => `many_${index}`) },
};
/** What the console sends with every request. */
const OWN = { 'sec-fetch-site': 'same-origin', 'errand-console': '1' };
const FLOW_LIFE_MS = 600_000;
const RETURN_PATH = '/console/sign-in';

const resources = new AsyncDisposableStack();
let provider: OpenidProvider;
let gateway: TestGateway;
let withoutSecret: { url: string };

beforeAll(async () => {
  provider = resources.use(await startOpenidProvider(PEOPLE));
  gateway = resources.use(
    await startTestGateway({
      oidcIssuer: provider.issuer,
      oidcClientId: TEST_CLIENT.id,
      oidcClientSecret: TEST_CLIENT.secret,
      oidcLabel: 'Acme & "Sons"',
      oidcAdminClaim: { name: 'groups', value: 'errand-admins' },
      oidcTenantClaim: 'tenants',
    }),
  );
  withoutSecret = resources.use(
    await gateway.another({ oidcClientId: TEST_PUBLIC_CLIENT, oidcClientSecret: 'none' }),
  );
  await provider.serve([gateway.url, withoutSecret.url].map((url) => url + RETURN_PATH));
  await gateway.createKey('shop', 'a key');
});
afterAll(() => resources.disposeAsync());

type Answer = Awaited<ReturnType<TestGateway['call']>>;

function post(
  path: string,
  { cookie = '', headers = {}, body }: { cookie?: string; headers?: object; body?: object } = {},
) {
  const sent = { origin: gateway.url, cookie, ...OWN, ...headers };
  return gateway.call(path, { method: 'POST', token: '', headers: sent, body });
}

const cookieOf = ({ headers }: Pick<Answer, 'headers'>) => headers.get('set-cookie')?.split(';')[0] ?? '';

/** The beginning of a sign-in, and where the provider sends its browser back to. */
async function visit(login: string | undefined): Promise<{ cookie: string; back: URL; query: string }> {
  const begun = await post('/session/oidc');
  expect(begun.status).toBe(200);
  const back = await provider.visit(begun.json.url, login);
  return { cookie: cookieOf(begun), back, query: back.search.slice(1) };
}

const finish = ({ cookie, query }: { cookie: string; query: string }) =>
  post('/session/oidc/answer', { cookie, body: { query } });

async function signIn(login: string): Promise<string> {
  const ended = await finish(await visit(login));
  expect(ended.status).toBe(200);
  return cookieOf(ended);
}

const withCookie = (cookie: string, path: string, options: { method?: string; body?: object } = {}) =>
  gateway.call(path, { token: '', ...options, headers: { cookie, ...OWN } });

/** The session at another gateway, whose port is in the name of its cookie. */
async function sessionAt(url: string, cookie: string): Promise<number> {
  const renamed = cookie.replace(/_\d+=/, `_${new URL(url).port}=`);
  return (await fetch(`${url}/session`, { headers: { cookie: renamed, ...OWN } })).status;
}

test('a sign-in goes to the provider with PKCE, state and nonce, and comes back to the console', async () => {
  const begun = await post('/session/oidc');
  expect(begun.headers.get('set-cookie')).toMatch(
    /^errand_oidc_\d+=v1\.[^;]+; Path=\/; HttpOnly; SameSite=Strict; Max-Age=600$/,
  );
  const url = new URL(begun.json.url);
  expect(url.origin).toBe(provider.issuer);
  expect(Object.fromEntries(url.searchParams)).toEqual({
    client_id: TEST_CLIENT.id,
    redirect_uri: gateway.url + RETURN_PATH,
    response_type: 'code',
    scope: 'openid',
    code_challenge_method: 'S256',
    code_challenge: expect.stringMatching(/^[\w-]{43}$/),
    state: expect.stringMatching(/^[\w-]{43}$/),
    nonce: expect.stringMatching(/^[\w-]{43}$/),
  });
  expect(begun.text).not.toContain(TEST_CLIENT.secret);
});

test('an admin opens the administration for an hour, and its changes are recorded under its name', async () => {
  const ended = await finish(await visit('root'));
  expect(ended.json).toMatchObject({ role: 'admin', name: 'root' });
  expect(ended.headers.get('set-cookie')).toMatch(/^errand_session_\d+=v1\.[^;]+; .*Max-Age=3600$/);
  const cookie = cookieOf(ended);
  const made = await withCookie(cookie, '/admin/tenants/acme/keys', { body: { name: 'by root' } });
  expect(made.status).toBe(201);
  expect((await withCookie(cookie, '/admin/tenants/acme/pause', { method: 'POST' })).status).toBe(200);
  expect((await withCookie(cookie, '/admin/tenants/acme/resume', { method: 'POST' })).status).toBe(200);
  expect((await withCookie(cookie, '/admin/actions/simulate/pause', { method: 'POST' })).status).toBe(204);
  expect((await withCookie(cookie, '/admin/actions/simulate/resume', { method: 'POST' })).status).toBe(204);
  const own = await withCookie(cookie, `/v2/tenants/acme/keys/${made.json.key_id}`, { method: 'DELETE' });
  expect(own.status).toBe(204);
  const { text } = await gateway.call('/admin/audit?type=ConfigChanged', { token: ADMIN_KEY });
  const actor = `"actor":"oidc:${provider.issuer}#root"`;
  expect(text.split('\n').filter((line) => line.includes(actor))).toHaveLength(6);
});

test('an admin has no session at the port of the API where admins are served on the ops port', async () => {
  await using moved = await gateway.another({ opsPort: 0, adminOnOpsPort: true });
  const cookie = await signIn('root');
  expect(await sessionAt(moved.url, cookie)).toBe(204);
  expect(await sessionAt(moved.opsUrl ?? '', cookie)).toBe(200);
  const visited = await visit('root');
  const sent = visited.cookie.replace(/_\d+=/, `_${new URL(moved.url).port}=`);
  const ended = await fetch(`${moved.url}/session/oidc/answer`, {
    method: 'POST',
    headers: { cookie: sent, 'content-type': 'application/json', ...OWN },
    body: JSON.stringify({ query: visited.query }),
  });
  expect([ended.status, ended.headers.get('set-cookie')]).toEqual([401, null]);
});

test('an admin session makes no sign-in code, and so cannot outlive its hour', async () => {
  const made = await withCookie(await signIn('root'), '/admin/sign-in-codes', { method: 'POST' });
  expect([made.status, made.json.code]).toEqual([403, 'forbidden']);
});

test('a viewer sees, and neither runs nor cancels', async () => {
  const cookie = await signIn('vera');
  const job = (await gateway.call(RUN_PATH, { body: { tilt_deg: 1 } })).json;
  expect((await withCookie(cookie, job.links.status)).json.job_id).toBe(job.job_id);
  expect((await withCookie(cookie, RUN_PATH, { body: { tilt_deg: 1 } })).json).toMatchObject({
    status: 403,
    detail: 'The role viewer does not have the scope runs:write.',
  });
  const cancel = await withCookie(cookie, `/v2/tenants/acme/jobs/${job.job_id}/cancel`, { method: 'POST' });
  expect(cancel.status).toBe(403);
  expect((await withCookie(cookie, '/v2/tenants/acme/keys')).status).toBe(403);
  expect((await withCookie(cookie, '/v2/tenants/shop/actions')).json.code).toBe('unknown_tenant');
  expect((await withCookie(cookie, '/admin/tenants')).json.code).toBe('unauthorized');
  expect((await withCookie(cookie, '/session')).json).toMatchObject({
    role: 'tenant',
    tenant_id: 'acme',
    name: 'vera',
    scopes: ['jobs:read', 'logs:read', 'feed:read', 'webhooks:read', 'schedules:read'],
  });
});

test('an operator runs and cancels, and manages no keys', async () => {
  const cookie = await signIn('otto');
  const job = (await withCookie(cookie, RUN_PATH, { body: { tilt_deg: 1 } })).json;
  const cancel = await withCookie(cookie, `/v2/tenants/acme/jobs/${job.job_id}/cancel`, { method: 'POST' });
  expect(cancel.json.status).toBe('canceled');
  expect((await gateway.call(job.links.status)).json.requested_by).toBe('otto');
  expect((await withCookie(cookie, '/v2/tenants/acme/keys')).json.detail).toContain('keys:write');
});

test('an owner manages all keys of the tenant, and in another tenant is what it is there', async () => {
  const ended = await finish(await visit('olga'));
  expect(ended.headers.get('set-cookie')).toContain('Max-Age=43200');
  expect(ended.json.tenants).toEqual([
    { tenant_id: 'acme' },
    { tenant_id: 'shop', scopes: ['jobs:read', 'logs:read', 'feed:read', 'webhooks:read', 'schedules:read'] },
  ]);
  expect(ended.json.scopes).toBeUndefined();
  const cookie = cookieOf(ended);
  const made = await withCookie(cookie, '/v2/tenants/acme/keys', { body: { name: 'by olga' } });
  expect(made.status).toBe(201);
  const names = (await withCookie(cookie, '/v2/tenants/acme/keys')).json.keys.map(
    ({ name }: { name: string }) => name,
  );
  expect(names).toEqual(expect.arrayContaining(['test key', 'by olga']));
  expect((await withCookie(cookie, '/v2/tenants/shop/keys')).status).toBe(403);
  expect((await withCookie(cookie, '/v2/tenants/shop/actions')).status).toBe(200);
  expect((await withCookie(cookie, '/v2/tenants/nowhere/actions')).json.code).toBe('unknown_tenant');
  const token = { scopes: ['jobs:read'] };
  expect((await withCookie(cookie, '/v2/tenants/acme/tokens', { body: token })).status).toBe(403);
});

test('a client without a secret signs people in, too', async () => {
  const headers = { ...OWN, origin: withoutSecret.url };
  const begun = await fetch(`${withoutSecret.url}/session/oidc`, { method: 'POST', headers });
  const { url } = (await begun.json()) as { url: string };
  const query = (await provider.visit(url, 'vera')).search.slice(1);
  const ended = await fetch(`${withoutSecret.url}/session/oidc/answer`, {
    method: 'POST',
    headers: { ...headers, cookie: cookieOf(begun), 'content-type': 'application/json' },
    body: JSON.stringify({ query }),
  });
  expect(ended.status).toBe(200);
});

test.each([
  ['no claim', 'nora', 'groups does not have errand-admins, and tenants lists no tenant'],
  ['a tenant that is not here', 'gerd', 'names only tenants that are not here: nowhere'],
])('somebody with %s begins no session, and is told why', async (_, login, said) => {
  const ended = await finish(await visit(login));
  expect([ended.status, ended.json.code]).toEqual([403, 'forbidden']);
  expect(ended.json.detail).toContain(said);
  expect(ended.headers.get('set-cookie')).toBe(null);
});

test('somebody of more tenants than a cookie holds is told so', async () => {
  await Promise.all(PEOPLE.many.tenants.map((tenantId) => gateway.createKey(tenantId, 'a key')));
  expect((await finish(await visit('many'))).json.detail).toContain('names 21 tenants');
});

test('a session ends with its tenant, and none begins while that is being deleted', async () => {
  await gateway.createKey('doomed', 'a key');
  const cookie = await signIn('dora');
  const bucket = await gateway.bus.buckets.open(BUCKETS.tenants, Tenant);
  await bucket.put('doomed', { tenant_id: 'doomed', created_at: '2026-01-01T00:00:00.000Z', deleting: true });
  await waitUntil(async () => (await withCookie(cookie, '/session')).status === 204);
  expect((await withCookie(cookie, '/v2/tenants/doomed/actions')).status).toBe(401);
  expect((await finish(await visit('dora'))).status).toBe(403);
});

test('what the provider refuses is shown in its words', async () => {
  const ended = await finish(await visit(undefined));
  expect(ended.json).toMatchObject({
    status: 403,
    detail: 'The provider refused: access_denied: End-User aborted interaction',
  });
});

test('an answer is good once, however often it is sent at the same time', async () => {
  const answered = await visit('vera');
  const ended = await Promise.all(Array.from({ length: 5 }, () => finish(answered)));
  expect(ended.map(({ status }) => status).toSorted()).toEqual([200, 401, 401, 401, 401]);
  expect((await finish(answered)).json.code).toBe('unauthorized');
});

test.each<[string, (own: URLSearchParams, other: URLSearchParams) => void]>([
  ['another state', (own) => own.set('state', 'x'.repeat(43))],
  ['no state', (own) => own.delete('state')],
  ['the code of another sign-in', (own, other) => own.set('code', other.get('code') ?? '')],
  ['no code', (own) => own.delete('code')],
  ['two codes', (own) => own.append('code', 'x')],
  ['another issuer', (own) => own.set('iss', 'https://id.example.org')],
])('an answer with %s begins no session', async (_, change) => {
  const [own, other] = [await visit('vera'), await visit('olga')];
  const query = new URLSearchParams(own.query);
  change(query, other.back.searchParams);
  const ended = await finish({ cookie: own.cookie, query: query.toString() });
  expect([ended.status, ended.json.code]).toEqual([401, 'unauthorized']);
  expect(ended.headers.get('set-cookie')).toBe(null);
});

test.each<[string, (own: string, other: string) => string]>([
  ['without its cookie', () => ''],
  [
    'with a cookie that was changed',
    (own) => own.replace(/.(?=.{60}$)/, (each) => (each === 'A' ? 'B' : 'A')),
  ],
  ['in a browser that began another one', (_, other) => other],
  ['with a session for a cookie', (own, other) => own.replace(/=.*/, other.replace(/^[^=]*/, ''))],
])('a sign-in %s does not end', async (_, change) => {
  const [own, other] = [await visit('vera'), await visit('vera')];
  const ended = await finish({ query: own.query, cookie: change(own.cookie, other.cookie) });
  expect([ended.status, ended.json.code]).toEqual([401, 'unauthorized']);
});

test('a sign-in that took too long does not end', async () => {
  const answered = await visit('vera');
  gateway.shiftMs = FLOW_LIFE_MS;
  try {
    expect((await finish(answered)).json.code).toBe('unauthorized');
  } finally {
    gateway.shiftMs = 0;
  }
});

test.each([
  ['another page', { 'sec-fetch-site': 'cross-site' }],
  ['another origin', { origin: 'https://evil.example.org' }],
  ['no browser', { origin: '' }],
])('%s begins no sign-in, wherever that would lead back to', async (_, headers) => {
  const begun = await post('/session/oidc', { headers });
  expect([begun.status, begun.json.code]).toEqual([403, 'forbidden']);
});

test('another page ends no sign-in', async () => {
  const { cookie, query } = await visit('vera');
  const headers = { 'sec-fetch-site': 'cross-site' };
  const ended = await post('/session/oidc/answer', { cookie, headers, body: { query } });
  expect(ended.json.code).toBe('forbidden');
});

test('the session counts as any other: only for its own page, and until it is ended', async () => {
  const cookie = await signIn('otto');
  const elsewhere = { cookie, 'sec-fetch-site': 'cross-site' };
  expect((await gateway.call('/v2/tenants/acme/actions', { token: '', headers: elsewhere })).status).toBe(
    401,
  );
  expect((await withCookie(cookie, '/session', { method: 'DELETE' })).status).toBe(204);
  await waitUntil(async () => (await withCookie(cookie, '/v2/tenants/acme/actions')).status === 401);
});

test('sessions end when what gave them their rights is changed, and admin ones with the admin key', async () => {
  const [member, admin] = [await signIn('vera'), await signIn('root')];
  const statuses = async (change: Parameters<TestGateway['another']>[0]) => {
    await using other = await gateway.another(change);
    return [await sessionAt(other.url, member), await sessionAt(other.url, admin)];
  };
  expect(await statuses({ oidcLabel: 'Another name', oidcClientSecret: 'another' })).toEqual([200, 200]);
  expect(await statuses({ adminKey: 'another-admin-key-for-tests' })).toEqual([200, 204]);
  expect(await statuses({ oidcTenantClaim: 'groups' })).toEqual([204, 204]);
  expect(await statuses({ oidcAdminClaim: undefined })).toEqual([204, 204]);
  expect(await statuses(NO_OIDC)).toEqual([204, 204]);
});

/** As when nothing is set. */
const NO_OIDC = {
  oidcIssuer: undefined,
  oidcClientId: undefined,
  oidcAdminClaim: undefined,
  oidcTenantClaim: undefined,
};

test('where people sign in, the page and the document say so; elsewhere there is nothing of it', async () => {
  await using other = await gateway.another(NO_OIDC);
  const read = async (url: string, path: string) => (await fetch(url + path)).text();
  const meta = '<meta name="errand-provider" content="Acme &#38; &#34;Sons&#34;">';
  expect(await read(gateway.url, '/console')).toContain(meta);
  expect(await read(gateway.url, '/openapi.json')).toContain('/session/oidc/answer');
  expect(await read(other.url, '/console')).not.toContain('errand-provider');
  expect(await read(other.url, '/openapi.json')).not.toContain('oidc');
  const begun = await fetch(`${other.url}/session/oidc`, { method: 'POST', headers: OWN });
  expect(begun.status).toBe(404);
});

test('a provider that is away or broken is named, and keeps nobody from anything else', async () => {
  await using broken = await startReceiver({ respond: () => ({ status: 200, body: 'hello' }) });
  for (const oidcIssuer of ['http://127.0.0.1:1', broken.url]) {
    await using other = await gateway.another({ oidcIssuer });
    const headers = { ...OWN, origin: other.url };
    const begun = await fetch(`${other.url}/session/oidc`, { method: 'POST', headers });
    expect(begun.status).toBe(503);
    expect(await begun.json()).toMatchObject({
      code: 'provider_unavailable',
      detail: expect.stringContaining(oidcIssuer),
    });
    expect((await fetch(`${other.url}/readyz`)).status).toBe(200);
  }
});
