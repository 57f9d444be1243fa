import { randomUUIDv7 } from 'node:crypto';
import { uuidV7TimeMs } from '@errand/contracts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openDeliveries, type TestDeliveries } from './deliveries.ts';
import { startTestGateway, TENANT, type TestGateway } from './gateway.ts';

const PATH = '/v2/tenants/acme/webhooks';
const AT = '2026-11-20T10:00:00.000Z';
const NEVER_CALLED = {
  state: 'active',
  failing_since: null,
  disabled_reason: null,
  next_probe_at: null,
  last_success_at: null,
  last_failure_at: null,
  backlog: { pending: 0, pending_is_capped: false, oldest_at: null },
};
let gateway: TestGateway;
let deliveries: TestDeliveries;

beforeAll(async () => {
  gateway = await startTestGateway();
  deliveries = await openDeliveries(gateway);
});

afterAll(async () => {
  await deliveries?.[Symbol.asyncDispose]();
  await gateway[Symbol.asyncDispose]();
});

const create = async () => (await gateway.call(PATH, { body: { url: 'https://example.com' } })).json;
const healthOf = async (id: string) => (await gateway.call(`${PATH}/${id}`)).json.health;

async function store(endpointId: string, state: 'active' | 'failing' | 'disabled', change: object = {}) {
  await deliveries.db
    .insertInto('webhook_endpoint_state')
    .values({
      endpoint_id: endpointId,
      tenant_id: TENANT,
      shard: 0,
      state,
      failed_attempts: 1,
      breaker: 'open',
      probe_step: 0,
      next_probe_at: AT,
      updated_at: AT,
      failing_since: AT,
      last_failure_at: AT,
      last_success_at: null,
      gone_at: null,
      disabled_at: null,
      disabled_reason: null,
      disabled_record: null,
      ...change,
    })
    .execute();
}

test('an endpoint that was never called is active, and has waiting what waits', async () => {
  const { endpoint_id } = await create();
  expect(await healthOf(endpoint_id)).toEqual(NEVER_CALLED);
  const first = randomUUIDv7();
  for (const event_id of [first, randomUUIDv7()]) {
    await deliveries.deliver(endpoint_id, { delivery: { event_id, state: 'pending' } });
  }
  await deliveries.deliver(endpoint_id);
  const oldest = new Date(uuidV7TimeMs(first)).toISOString();
  const backlog = { pending: 2, pending_is_capped: false, oldest_at: oldest };
  expect(await healthOf(endpoint_id)).toEqual({ ...NEVER_CALLED, backlog });
});

test('a failing endpoint says since when, and when it is tried again', async () => {
  const { endpoint_id } = await create();
  await store(endpoint_id, 'failing');
  const failing = { ...NEVER_CALLED, failing_since: AT, last_failure_at: AT };
  expect(await healthOf(endpoint_id)).toEqual({ ...failing, state: 'failing', next_probe_at: AT });
  await gateway.call(`${PATH}/${endpoint_id}/pause`, { method: 'POST' });
  expect(await healthOf(endpoint_id)).toEqual({ ...failing, state: 'paused' });
});

test('a disabled endpoint says why until it is resumed', async () => {
  const { endpoint_id, updated_at } = await create();
  await store(endpoint_id, 'disabled', { disabled_record: updated_at, disabled_reason: 'gone' });
  expect(await healthOf(endpoint_id)).toMatchObject({ state: 'disabled', disabled_reason: 'gone' });
  await gateway.call(`${PATH}/${endpoint_id}/resume`, { method: 'POST' });
  expect(await healthOf(endpoint_id)).toEqual({ ...NEVER_CALLED, last_failure_at: AT });
});

test('the list says the same of each, and counts less far', async () => {
  const { endpoint_id } = await create();
  await deliveries.fill(endpoint_id, 1_001);
  await deliveries.db
    .updateTable('webhook_delivery')
    .set({ state: 'pending' })
    .where('endpoint_id', '=', endpoint_id)
    .execute();
  expect((await healthOf(endpoint_id)).backlog).toMatchObject({ pending: 1_001, pending_is_capped: false });
  const { json } = await gateway.call(PATH);
  const states = json.webhooks.map(({ health }: { health: { state: string } }) => health.state);
  expect(states).toEqual(['active', 'paused', 'active', 'active']);
  expect(json.webhooks.at(-1).health.backlog).toMatchObject({ pending: 1_000, pending_is_capped: true });
});

test('a backlog is counted up to ten thousand', async () => {
  const { endpoint_id } = await create();
  await deliveries.fill(endpoint_id, 10_001);
  await deliveries.db
    .updateTable('webhook_delivery')
    .set({ state: 'pending' })
    .where('endpoint_id', '=', endpoint_id)
    .execute();
  expect((await healthOf(endpoint_id)).backlog).toMatchObject({ pending: 10_000, pending_is_capped: true });
});

test('without Postgres an endpoint is answered and its health is not known', async () => {
  const { endpoint_id } = await create();
  await deliveries.db.schema.alterTable('webhook_endpoint_state').renameTo('gone').execute();
  try {
    const { status, json } = await gateway.call(`${PATH}/${endpoint_id}`);
    expect([status, json.endpoint_id, json.health]).toEqual([200, endpoint_id, null]);
    expect((await gateway.call(PATH)).json.webhooks.at(-1)).toEqual(json);
  } finally {
    await deliveries.db.schema.alterTable('gone').renameTo('webhook_endpoint_state').execute();
  }
});
