import { KEY_SCOPES, type KeyScope } from '@errand/contracts';
import { waitUntil } from '@errand/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { actionRoutes, routes } from '../src/routes.ts';
import { ADMIN_KEY, RUN_PATH, startTestGateway, type TestGateway } from './gateway.ts';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startTestGateway();
});
afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
});

const admin = (path: string, options = {}) => gateway.call(path, { token: ADMIN_KEY, ...options });

async function makeKey(about: object): Promise<{ key_id: string; api_key: string }> {
  const made = await admin('/admin/tenants/acme/keys', { body: { name: 'limited', ...about } });
  expect(made.status).toBe(201);
  return made.json;
}

const JOB = '01890000-0000-7000-8000-000000000001';

/** Every route that takes a tenant's key, with what it needs. */
const tenantRoutes = [
  ...routes.flatMap((route) => (route.key === 'tenant' ? [route] : [])),
  ...actionRoutes.map((route) => ({ ...route, path: RUN_PATH.replace(/run$/, route.verb) })),
].map(({ method, path, scope }) => ({
  method: method.toUpperCase(),
  scope,
  path: path
    .replace('{tenant_id}', 'acme')
    .replace('{job_id}', JOB)
    .replace('{action_name}', 'simulate')
    .replaceAll(/\{\w+\}/g, JOB),
}));

test.each(KEY_SCOPES)(
  'a key with the scope %s may do that and nothing else, at every route',
  async (scope) => {
    const { api_key: token } = await makeKey({ scopes: [scope] });
    for (const route of tenantRoutes) {
      const body = ['POST', 'PUT', 'PATCH'].includes(route.method) ? { body: {} } : {};
      const answer = await gateway.call(route.path, { method: route.method, token, ...body });
      const isAllowed = route.scope === 'any' || route.scope === scope;
      expect(answer.json?.code === 'forbidden', `${route.method} ${route.path}`).toBe(!isAllowed);
      if (!isAllowed) expect(answer.status).toBe(403);
      else expect([401, 403]).not.toContain(answer.status);
    }
  },
);

test('a key without scopes may do everything, one without any scope nothing but look at actions', async () => {
  const all = await makeKey({});
  const none = await makeKey({ scopes: [] as KeyScope[] });
  for (const { method, path, scope } of tenantRoutes) {
    const body = ['POST', 'PUT', 'PATCH'].includes(method) ? { body: {} } : {};
    const free = await gateway.call(path, { method, token: all.api_key, ...body });
    expect(free.json?.code).not.toBe('forbidden');
    const bound = await gateway.call(path, { method, token: none.api_key, ...body });
    expect(bound.json?.code === 'forbidden').toBe(scope !== 'any');
  }
});

test('a key for some actions knows no others, nor their jobs', async () => {
  const { job_id: foreign } = (await gateway.call(RUN_PATH, { body: { tilt_deg: 1 } })).json;
  const other = await makeKey({ actions: ['other'] });
  const own = await makeKey({ actions: ['simulate'] });
  const as = (token: string, path: string, options = {}) => gateway.call(path, { token, ...options });
  for (const path of [`/v2/tenants/acme/jobs/${foreign}`, `/v2/tenants/acme/jobs/${foreign}/events`]) {
    expect((await as(other.api_key, path)).json.code).toBe('unknown_job');
    expect((await as(own.api_key, path)).status).toBe(200);
  }
  const cancel = `/v2/tenants/acme/jobs/${foreign}/cancel`;
  expect((await as(other.api_key, cancel, { method: 'POST' })).json.code).toBe('unknown_job');
  expect((await as(other.api_key, RUN_PATH, { body: { tilt_deg: 1 } })).json.code).toBe('unknown_action');
  expect((await as(own.api_key, RUN_PATH, { body: { tilt_deg: 1 } })).status).toBe(202);
  for (const path of ['/v2/tenants/acme/events', '/v2/tenants/acme/webhooks']) {
    expect((await as(own.api_key, path)).json.code).toBe('forbidden');
  }
});

test('a key ends at its time, and is then as any unknown one', async () => {
  const past = await makeKey({ expires_at: '2020-01-01T00:00:00Z' });
  const later = await makeKey({ expires_at: '2999-01-01T01:00:00+01:00' });
  const list = (token: string) => gateway.call('/v2/tenants/acme/jobs', { token });
  expect((await list(past.api_key)).json.code).toBe('unauthorized');
  expect((await list(later.api_key)).status).not.toBe(401);
  const { keys } = (await admin('/admin/tenants/acme/keys')).json;
  const listed = keys.find(({ key_id }: { key_id: string }) => key_id === later.key_id);
  expect(listed.expires_at).toBe('2999-01-01T00:00:00.000Z');
});

test('a rotated key may do what it could, and the replaced one is valid for its grace', async () => {
  const first = await makeKey({ scopes: ['runs:write'] });
  const rotate = (id: string, body: object) => admin(`/admin/keys/${id}/rotate`, { body });
  const second = (await rotate(first.key_id, { grace_s: 60 })).json;
  expect(second).toMatchObject({ name: 'limited', scopes: ['runs:write'] });
  const runs = async (token: string) =>
    (await gateway.call(RUN_PATH, { token, body: { tilt_deg: 1 } })).status;
  expect(await runs(first.api_key)).toBe(202);
  expect(await runs(second.api_key)).toBe(202);
  const third = (await rotate(second.key_id, { grace_s: 0 })).json;
  await waitUntil(async () => (await runs(second.api_key)) === 401);
  expect(await runs(third.api_key)).toBe(202);
  expect((await rotate(second.key_id, {})).json.code).toBe('unknown_key');
});

test.each([
  [{ scopes: ['runs:read'] }, '#/scopes/0'],
  [{ actions: ['Not an action'] }, '#/actions/0'],
  [{ expires_at: 'tomorrow' }, '#/expires_at'],
])('a wrong key is 422: %j', async (about, pointer) => {
  const answer = await admin('/admin/tenants/acme/keys', { body: { name: 'k', ...about } });
  expect([answer.status, answer.json.errors[0].pointer]).toEqual([422, pointer]);
});
