import { afterAll, beforeAll, expect, test } from 'vitest';
import { ADMIN_KEY, startTestGateway, type TestGateway } from './gateway.ts';

/* The record of changes is one for all tenants: what one of them changes leaves room for the others' changes. */

const PER_DAY = 30;
const DAY_MS = 86_400_000;

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startTestGateway({ configChangesPerDay: PER_DAY });
});
afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
});

/** How many records there are of a tenant's keys and endpoints. */
const recorded = (tenantId: string) => gateway.bus.config.countOwn(tenantId, 0);

/** A tenant of one test with a key and an endpoint, which are two changes. */
async function makeTenant(tenantId: string) {
  const { api_key: token } = await gateway.createKey(tenantId, 'k');
  const path = `/v2/tenants/${tenantId}`;
  const body = { url: 'https://hooks.example.com/a' };
  const { json } = await gateway.call(`${path}/webhooks`, { token, body });
  const endpoint = `${path}/webhooks/${json.endpoint_id}`;
  let changes = 0;
  const change = (of = token) =>
    gateway.call(endpoint, { token: of, method: 'PATCH', body: { description: `${++changes}` } });
  return { tenantId, token, path, endpoint, change };
}

type TestTenant = Awaited<ReturnType<typeof makeTenant>>;

/** Changes the endpoint until that is refused, and no more often than twice what may be. */
async function useUp({ change }: TestTenant) {
  for (let changes = 0; changes < 2 * PER_DAY; changes++) {
    const answer = await change();
    if (answer.status !== 200) return answer;
  }
  throw new Error('no change was refused');
}

test('a tenant that changes without end records no more than it may, and is told when it may again', async () => {
  const tenant = await makeTenant('looping');
  const { token, path, endpoint } = tenant;
  const refused = await useUp(tenant);
  expect([refused.status, refused.json.code]).toEqual([429, 'too_many_changes']);
  expect(refused.json.detail).toContain(`${PER_DAY} times in 24 hours`);
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(86_000);
  expect(Number(refused.headers.get('retry-after'))).toBeLessThanOrEqual(86_400);
  const others = [
    gateway.call(`${path}/webhooks`, { token, body: { url: 'https://hooks.example.com/b' } }),
    gateway.call(`${endpoint}/pause`, { token, method: 'POST' }),
    gateway.call(`${endpoint}/resume`, { token, method: 'POST' }),
    gateway.call(`${endpoint}/rotate-secret`, { token, method: 'POST' }),
    gateway.call(`${path}/webhooks/job/rotate-secret`, { token, method: 'POST' }),
    gateway.call(`${path}/keys`, { token, body: { name: 'another' } }),
  ];
  for (const answer of await Promise.all(others)) expect(answer.json.code).toBe('too_many_changes');
  expect(await recorded('looping')).toBe(PER_DAY);
});

test("another tenant's changes and an admin's go on, and so does removing", async () => {
  const tenant = await makeTenant('busy');
  const { token, path, endpoint, change } = tenant;
  await useUp(tenant);
  expect((await change(ADMIN_KEY)).status).toBe(200);
  const other = await makeTenant('quiet');
  expect((await other.change()).status).toBe(200);
  expect((await gateway.call(endpoint, { token, method: 'DELETE' })).status).toBe(204);
  const { json } = await gateway.call(`${path}/keys`, { token });
  const [{ key_id }] = json.keys;
  expect((await gateway.call(`${path}/keys/${key_id}`, { token, method: 'DELETE' })).status).toBe(204);
});

test('making and removing keys counts as both', async () => {
  const { token, path } = await makeTenant('rotating');
  const statuses = new Set<number>();
  for (let round = 0; round < PER_DAY; round++) {
    const made = await gateway.call(`${path}/keys`, { token, body: { name: 'short-lived' } });
    statuses.add(made.status);
    if (made.status !== 201) break;
    await gateway.call(`${path}/keys/${made.json.key_id}`, { token, method: 'DELETE' });
  }
  expect(statuses).toEqual(new Set([201, 429]));
  expect(await recorded('rotating')).toBeLessThanOrEqual(PER_DAY + 1);
});

test('many changes at once, at several gateways, record few more than one gateway lets through', async () => {
  await using another = await gateway.another();
  const { token, path } = await makeTenant('bursting');
  const make = async (url: string) => {
    const response = await fetch(`${url}${path}/keys`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ name: 'k' }),
    });
    return response.status;
  };
  const urls = [gateway.url, another.url];
  const statuses = await Promise.all(Array.from({ length: 100 }, (_, place) => make(urls[place % 2] ?? '')));
  expect(new Set(statuses)).toEqual(new Set([201, 429]));
  const made = await recorded('bursting');
  expect(made).toBeGreaterThanOrEqual(PER_DAY - 8);
  expect(made).toBeLessThanOrEqual(PER_DAY + 4);
});

test('a day later a tenant may change again', async () => {
  const tenant = await makeTenant('patient');
  const refused = await useUp(tenant);
  const shiftMs = gateway.shiftMs;
  gateway.shiftMs = shiftMs + Number(refused.headers.get('retry-after')) * 1_000 - 60_000;
  expect((await tenant.change()).status).toBe(429);
  gateway.shiftMs = shiftMs + DAY_MS + 60_000;
  expect((await tenant.change()).status).toBe(200);
  gateway.shiftMs = shiftMs;
});
