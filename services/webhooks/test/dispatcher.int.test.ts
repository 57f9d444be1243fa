import { connectionOf } from '@errand/bus/testing';
import { startTestPostgres, waitUntil } from '@errand/testkit';
import { sql } from 'kysely';
import { expect, test } from 'vitest';
import {
  nats,
  openTestSystem,
  receiver,
  startForEachTest,
  system,
  type TestSystem,
  tenantId,
  threeAttempts,
} from './system.ts';

const HOUR_MS = 3_600_000;

startForEachTest();

const delivery = (eventId: string, { db }: TestSystem = system) =>
  db
    .selectFrom('webhook_delivery')
    .select(['state', 'attempts', 'due_at', 'expires_at'])
    .where('event_id', '=', eventId)
    .executeTakeFirst();
const reached = (eventId: string, state: string, attempts: number) =>
  waitUntil(async () => {
    const row = await delivery(eventId);
    return row?.state === state && row.attempts === attempts ? row : undefined;
  });
const callsOf = (eventId: string) =>
  receiver.requests.filter(({ headers }) => headers['webhook-id'] === eventId);

/** Resolves when an ending written now is delivered: by then whatever was due before has been attempted too. */
async function deliverAnother(): Promise<void> {
  const { eventId } = await system.endJob(tenantId);
  await reached(eventId, 'delivered', 1);
}

/** How many shards a service says that it has. */
async function shardsOf({ opsPort }: { opsPort: number }): Promise<number> {
  const metrics = await (await fetch(`http://127.0.0.1:${opsPort}/metrics`)).text();
  return Number(/^errand_webhook_shards\{.*\} (\d+)$/m.exec(metrics)?.[1]);
}

test('the time of the next attempt survives a restart', async () => {
  let aheadMs = 0;
  const context = { now: () => Date.now() + aheadMs, schedule: threeAttempts(HOUR_MS) };
  receiver.respond = 500;
  await system.addEndpoint({ tenant_id: tenantId, url: receiver.url });
  const first = await system.start({}, context);
  const { eventId } = await system.endJob(tenantId);
  const { due_at } = await reached(eventId, 'pending', 1);
  await first[Symbol.asyncDispose]();

  receiver.respond = 200;
  await using _second = await system.start({}, context);
  await deliverAnother();
  expect(callsOf(eventId)).toHaveLength(1);
  expect((await delivery(eventId))?.due_at).toEqual(due_at);
  aheadMs = HOUR_MS + 1_000;
  await reached(eventId, 'delivered', 2);
  expect(callsOf(eventId)).toHaveLength(2);
});

test('an endpoint that hangs is given up at the timeout, at each attempt', async () => {
  await using _service = await system.start({ attemptTimeoutMs: 1_500 });
  receiver.respond = () => new Promise<number>(() => {});
  await system.addEndpoint({ tenant_id: tenantId, url: receiver.url });
  const { eventId } = await system.endJob(tenantId);
  await reached(eventId, 'failed', 3);
  const attempts = await system.db
    .selectFrom('webhook_attempt')
    .select(['error_code', 'status'])
    .where('event_id', '=', eventId)
    .execute();
  const given = { error_code: 'timeout', status: null };
  expect(attempts).toEqual([given, given, given]);
});

test('what ended while the service was down is delivered when it is back', async () => {
  await (await system.start())[Symbol.asyncDispose]();
  await system.addEndpoint({ tenant_id: tenantId, url: receiver.url });
  const { eventId } = await system.endJob(tenantId);
  await using _service = await system.start();
  await reached(eventId, 'delivered', 1);
});

test('an event that comes again is not delivered again', async () => {
  await system.addEndpoint({ tenant_id: tenantId, url: receiver.url });
  const first = await system.start();
  const { eventId } = await system.endJob(tenantId);
  await reached(eventId, 'delivered', 1);
  await first[Symbol.asyncDispose]();

  // A consumer that is made anew delivers the whole log again.
  await connectionOf(system.bus).request('$JS.API.CONSUMER.DELETE.JOBS.webhooks');
  await using _second = await system.start();
  await deliverAnother();
  expect(callsOf(eventId)).toHaveLength(1);
  expect(await delivery(eventId)).toMatchObject({ state: 'delivered', attempts: 1 });
});

test('a disabled endpoint is not called, and what it has pending waits for it', async () => {
  const waitMs = 1_000;
  let aheadMs = 0;
  await using _service = await system.start(
    {},
    { now: () => Date.now() + aheadMs, schedule: threeAttempts(waitMs) },
  );
  receiver.respond = 500;
  const endpoint = await system.addEndpoint({ tenant_id: tenantId, url: receiver.url });
  const { eventId } = await system.endJob(tenantId);
  await reached(eventId, 'pending', 1);
  await system.addEndpoint({ ...endpoint, enabled: false });
  const other = await system.addEndpoint({ tenant_id: tenantId, url: receiver.url });
  receiver.respond = 200;
  aheadMs = HOUR_MS;
  await deliverAnother();
  expect(callsOf(eventId)).toHaveLength(1);
  expect(await delivery(eventId)).toMatchObject({ state: 'pending', attempts: 1 });
  await system.endpoints.delete(`${tenantId}.${other.endpoint_id}`);

  await system.addEndpoint({ ...endpoint, enabled: true });
  await reached(eventId, 'delivered', 2);
});

test('the backlog is reported: of endpoints that answer, of those that fail, and not of disabled ones', async () => {
  const respond = Promise.withResolvers<number>();
  receiver.respond = ({ url }) => (url === '/failing' ? 500 : respond.promise);
  const endpoint = (path: string, more = {}) =>
    system.addEndpoint({ tenant_id: tenantId, url: `${receiver.url}/${path}`, ...more });
  await endpoint('waits', { max_concurrency: 1 });
  await endpoint('failing', { max_concurrency: 1 });
  await endpoint('disabled', { enabled: false });
  await using service = await system.start({}, { schedule: threeAttempts(HOUR_MS) });
  const gauge = async (name: string, endpoints: string) => {
    const metrics = await (await fetch(`http://127.0.0.1:${service.opsPort}/metrics`)).text();
    return Number(
      new RegExp(`^${name}\\{.*endpoints="${endpoints}".*\\} ([\\d.]+)$`, 'm').exec(metrics)?.[1],
    );
  };
  for (let jobs = 0; jobs < 8; jobs++) await system.endJob(tenantId);
  await expect.poll(() => gauge('errand_webhook_due_deliveries', 'healthy')).toBe(8);
  // Five in a row open a breaker; each that failed is due an hour later.
  await expect.poll(() => gauge('errand_webhook_due_deliveries', 'failing')).toBe(3);
  expect(await gauge('errand_webhook_oldest_due_seconds', 'healthy')).toBeGreaterThan(0);
  respond.resolve(200);
  await expect.poll(() => gauge('errand_webhook_due_deliveries', 'healthy')).toBe(0);
  await expect.poll(() => gauge('errand_webhook_oldest_due_seconds', 'healthy')).toBe(0);
});

test('what a deleted endpoint has pending is canceled', async () => {
  let aheadMs = 0;
  await using _service = await system.start(
    {},
    { now: () => Date.now() + aheadMs, schedule: threeAttempts(HOUR_MS) },
  );
  receiver.respond = 500;
  const endpoint = await system.addEndpoint({ tenant_id: tenantId, url: receiver.url });
  const { eventId } = await system.endJob(tenantId);
  await reached(eventId, 'pending', 1);
  await system.endpoints.delete(`${tenantId}.${endpoint.endpoint_id}`);
  aheadMs = HOUR_MS;
  await reached(eventId, 'canceled', 1);
  expect(callsOf(eventId)).toHaveLength(1);
});

test('a delivery is given up 72 h after its event, also that of a disabled endpoint', async () => {
  let aheadMs = 0;
  const context = { now: () => Date.now() + aheadMs, schedule: threeAttempts(HOUR_MS) };
  receiver.respond = 500;
  const first = await system.start({}, context);
  const endpoint = await system.addEndpoint({ tenant_id: tenantId, url: receiver.url });
  const { eventId } = await system.endJob(tenantId);
  await reached(eventId, 'pending', 1);
  await first[Symbol.asyncDispose]();
  await system.addEndpoint({ ...endpoint, enabled: false });
  aheadMs = 73 * HOUR_MS;
  await using _second = await system.start({}, context);
  await reached(eventId, 'expired', 1);
  expect(callsOf(eventId)).toHaveLength(1);
});

test('two services on one database make each attempt once, and one takes over from the other', async () => {
  const calls = 100;
  // Every fourth first attempt: more in a row would open the breaker.
  const failing = new Set<unknown>();
  let firsts = 0;
  receiver.respond = ({ headers }) => {
    if (headers['errand-attempt'] !== '1' || firsts++ % 4 > 0) return 200;
    failing.add(headers['webhook-id']);
    return 500;
  };
  for (let index = 0; index < 3; index++)
    await system.addEndpoint({ tenant_id: tenantId, url: receiver.url });
  // Long enough that no lease runs out on a busy machine: what is under way then may be made twice.
  await using leader = await system.start({ leaseMs: 15_000 });
  await using _standby = await system.start({ leaseMs: 15_000 });
  const half = () => Promise.all(Array.from({ length: calls / 2 }, () => system.endJob(tenantId)));
  const events = await half();
  await waitUntil(() => receiver.requests.length > calls / 4);
  await leader[Symbol.asyncDispose]();
  events.push(...(await half()));
  const pending = () =>
    system.db.selectFrom('webhook_delivery').select('state').where('state', '<>', 'delivered').execute();
  await waitUntil(
    async () => (await pending()).length === 0 && receiver.requests.length >= events.length * 3,
  );
  const { rows } = await sql<{ attempts: number }>`
    select sum(attempts)::int as attempts from webhook_delivery`.execute(system.db);
  expect(rows).toEqual([{ attempts: receiver.requests.length }]);
  expect(failing.size).toBeGreaterThan(0);
});

test('a service whose leases were taken away sends nothing more until it gets them back', async () => {
  await system.addEndpoint({ tenant_id: tenantId, url: receiver.url });
  // Long enough that no lease of its own runs out on a busy machine.
  await using service = await system.start({ leaseMs: 3_000 });
  await deliverAnother();
  await sql`update webhook_shard set owner = 'somebody', expires_at = now() + interval '1 hour'`.execute(
    system.db,
  );
  await waitUntil(async () => (await shardsOf(service)) === 0);
  const { eventId } = await system.endJob(tenantId);
  await waitUntil(async () => (await delivery(eventId))?.state === 'pending');
  await sql`update webhook_shard set expires_at = now()`.execute(system.db);
  await reached(eventId, 'delivered', 1);
  expect(receiver.requests).toHaveLength(2);
});

test('an attempt that outlasts the loss of its shard is not made a second time when the shard is back', async () => {
  await system.addEndpoint({ tenant_id: tenantId, url: receiver.url });
  await using service = await system.start({ leaseMs: 3_000, attemptTimeoutMs: 60_000 });
  const gate = Promise.withResolvers<number>();
  receiver.respond = () => (receiver.requests.length === 1 ? gate.promise : 200);
  const { eventId } = await system.endJob(tenantId);
  await receiver.waitFor(() => true);
  await sql`update webhook_shard set owner = 'somebody', expires_at = now() + interval '1 hour'`.execute(
    system.db,
  );
  await waitUntil(async () => (await shardsOf(service)) === 0);
  await sql`update webhook_shard set expires_at = now()`.execute(system.db);
  await deliverAnother();
  expect(callsOf(eventId)).toHaveLength(1);
  gate.resolve(200);
  await reached(eventId, 'delivered', 1);
  expect(callsOf(eventId)).toHaveLength(1);
});

test('two services share the endpoints between them', async () => {
  // Long enough that no lease runs out on a busy machine: what is under way then may be made twice.
  await using _first = await system.start({ leaseMs: 6_000 });
  await using _second = await system.start({ leaseMs: 6_000 });
  await waitUntil(async () => {
    const { rows } = await sql<{ shards: number }>`
      select count(*)::int as shards from webhook_shard where owner is not null group by owner`.execute(
      system.db,
    );
    return rows.length === 2 && rows.every(({ shards }) => shards === 128);
  });
  for (let index = 0; index < 10; index++)
    await system.addEndpoint({ tenant_id: tenantId, url: receiver.url });
  const { eventId } = await system.endJob(tenantId);
  await waitUntil(() => callsOf(eventId).length === 10);
});

test('an endpoint with an open breaker gets probes only, and its other deliveries spend no attempts', async () => {
  receiver.respond = 500;
  const endpoint = await system.addEndpoint({ tenant_id: tenantId, url: receiver.url });
  await using _service = await system.start({}, { schedule: threeAttempts(HOUR_MS) });
  await Promise.all(Array.from({ length: 60 }, () => system.endJob(tenantId)));
  const state = () =>
    system.db
      .selectFrom('webhook_endpoint_state')
      .select(['state', 'breaker', 'failed_attempts', 'failing_since'])
      .where('endpoint_id', '=', endpoint.endpoint_id)
      .executeTakeFirst();
  await waitUntil(async () => (await state())?.breaker === 'open');
  const { rows } = await sql<{ attempts: number; deliveries: number }>`
    select attempts, count(*)::int as deliveries from webhook_delivery group by attempts order by attempts`.execute(
    system.db,
  );
  expect(rows.reduce((sum, { deliveries }) => sum + deliveries, 0)).toBe(60);
  expect(rows[0]?.attempts).toBe(0);
  expect(rows[0]?.deliveries).toBeGreaterThan(40);
  expect(receiver.requests.length).toBeLessThan(15);
  expect(await state()).toMatchObject({ state: 'failing', failing_since: expect.any(Date) });
});

test('an open breaker is still open after a restart', async () => {
  let aheadMs = 0;
  const context = { now: () => Date.now() + aheadMs, schedule: threeAttempts(HOUR_MS) };
  receiver.respond = () => ({ status: 503, headers: { 'retry-after': '1800' } });
  await system.addEndpoint({ tenant_id: tenantId, url: receiver.url });
  const first = await system.start({}, context);
  const { eventId } = await system.endJob(tenantId);
  await reached(eventId, 'pending', 1);
  await first[Symbol.asyncDispose]();
  receiver.respond = 200;
  await using _second = await system.start({}, context);
  const held = await system.endJob(tenantId);
  await system.addEndpoint({ tenant_id: `${tenantId}-b`, url: receiver.url });
  const other = await system.endJob(`${tenantId}-b`);
  await reached(other.eventId, 'delivered', 1);
  expect(callsOf(held.eventId)).toEqual([]);
  aheadMs = 2 * HOUR_MS;
  for (const id of [held.eventId, eventId])
    await waitUntil(async () => (await delivery(id))?.state === 'delivered');
});

test('a second 410 after a minute disables the endpoint, until its record is changed', async () => {
  let aheadMs = 0;
  receiver.respond = 410;
  const endpoint = await system.addEndpoint({ tenant_id: tenantId, url: receiver.url });
  await using _service = await system.start({}, { now: () => Date.now() + aheadMs });
  const first = await system.endJob(tenantId);
  await reached(first.eventId, 'failed', 1);
  const second = await system.endJob(tenantId);
  await reached(second.eventId, 'pending', 0);
  aheadMs = 61_000;
  await reached(second.eventId, 'failed', 1);
  const state = await waitUntil(() =>
    system.db
      .selectFrom('webhook_endpoint_state')
      .selectAll()
      .where('state', '=', 'disabled')
      .executeTakeFirst(),
  );
  expect(state).toMatchObject({ endpoint_id: endpoint.endpoint_id, disabled_reason: 'gone' });

  receiver.respond = 200;
  const probe = await system.addEndpoint({ tenant_id: tenantId, url: receiver.url });
  const third = await system.endJob(tenantId);
  await waitUntil(() => callsOf(third.eventId).length === 1);
  const rows = await system.db
    .selectFrom('webhook_delivery')
    .select('endpoint_id')
    .where('event_id', '=', third.eventId)
    .execute();
  expect(rows).toEqual([{ endpoint_id: probe.endpoint_id }]);

  aheadMs = 2 * HOUR_MS;
  await system.addEndpoint({ ...endpoint, updated_at: new Date().toISOString() });
  const fourth = await system.endJob(tenantId);
  await waitUntil(() => callsOf(fourth.eventId).length === 2);
});

test('a stop waits for the attempt under way, which nobody else makes meanwhile', async () => {
  const answer = Promise.withResolvers<number>();
  receiver.respond = () => answer.promise;
  await system.addEndpoint({ tenant_id: tenantId, url: receiver.url });
  // Long enough that no lease runs out on a busy machine: what is under way then may be made twice.
  const service = await system.start({ leaseMs: 15_000 });
  const { eventId } = await system.endJob(tenantId);
  await receiver.waitFor(() => true);
  const stopped = service[Symbol.asyncDispose]();
  await using _next = await system.start({ leaseMs: 3_000 });
  const other = await system.endJob(tenantId);
  await reached(other.eventId, 'pending', 0);
  answer.resolve(200);
  await stopped;
  expect(await delivery(eventId)).toMatchObject({ state: 'delivered', attempts: 1 });
  await reached(other.eventId, 'delivered', 1);
  expect(callsOf(eventId)).toHaveLength(1);
});

test('an attempt that outlasts the grace of a stop is cut off and made again', async () => {
  receiver.respond = () => new Promise<number>(() => {});
  await system.addEndpoint({ tenant_id: tenantId, url: receiver.url });
  const service = await system.start({ shutdownGraceMs: 100 });
  const { eventId } = await system.endJob(tenantId);
  await receiver.waitFor(() => true);
  await service[Symbol.asyncDispose]();
  expect(await delivery(eventId)).toMatchObject({ state: 'pending', attempts: 0 });
  receiver.respond = 200;
  await using _next = await system.start();
  await reached(eventId, 'delivered', 1);
});

test('a result is stored once Postgres is back, and nothing is sent twice meanwhile', async () => {
  await using postgres = await startTestPostgres();
  await using own = await openTestSystem({ natsUrl: nats.url, databaseUrl: postgres.url });
  // Far shorter than the outage: the shards are lost meanwhile, and taken again.
  await using _service = await own.start({ leaseMs: 300 });
  receiver.respond = async () => {
    await postgres.kill();
    return 200;
  };
  await own.addEndpoint({ tenant_id: tenantId, url: receiver.url });
  const { eventId } = await own.endJob(tenantId);
  await receiver.waitFor(() => true);
  receiver.respond = 200;
  const meanwhile = await own.endJob(tenantId);
  await postgres.restart();
  for (const id of [eventId, meanwhile.eventId]) {
    await waitUntil(async () => (await delivery(id, own))?.state === 'delivered', { timeoutMs: 20_000 });
    expect(callsOf(id)).toHaveLength(1);
  }
});
