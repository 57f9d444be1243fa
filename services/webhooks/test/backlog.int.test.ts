import { randomUUIDv7 } from 'node:crypto';
import {
  createDailyPartitions,
  type Db,
  type DeliveryState,
  migrate,
  openDatabase,
  shardOf,
} from '@errand/postgres';
import { createTestDatabase, type TestDatabase } from '@errand/testkit';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { expirePending, insertFanOuts, recordAttempts } from '../src/delivery-rows.ts';
import { countDue, findEndpoints, readPages } from '../src/dispatch/due-rows.ts';

/* What the backlog of a dead endpoint costs the statements that serve the others: counted in rows that are read. */

const BACKLOG = 50_000;
const HEALTHY = Array.from({ length: 20 }, (_, index) => `whe_${index}`);
const DAY_MS = 86_400_000;
const endpoints = [...HEALTHY, 'whe_dead'].map((endpoint_id) => ({
  endpoint_id,
  shard: shardOf(endpoint_id),
}));

let database: TestDatabase;
let db: Db;
let eventIds: string[];

beforeAll(async () => {
  database = await createTestDatabase();
  db = openDatabase({ url: database.url, name: 'test', poolSize: 2 });
  await migrate(db);
  eventIds = Array.from({ length: 10 }, () => randomUUIDv7());
  for (const table of ['webhook_message', 'webhook_delivery', 'webhook_attempt'] as const) {
    await createDailyPartitions(db, table).ensureFor(eventIds);
  }
  await sql`
    insert into webhook_delivery
      (event_id, endpoint_id, tenant_id, shard, state, attempts, due_at, expires_at, updated_at)
    select overlay(${eventIds[0]}::text placing lpad(to_hex(n), 12, '0') from 25)::uuid, 'whe_dead', 'acme',
      ${shardOf('whe_dead')}::smallint, 'pending', 0, now() - interval '1 hour', now() + interval '1 day', now()
    from generate_series(1, ${BACKLOG}::int) n`.execute(db);
  const fanOuts = eventIds.map((event_id) => ({
    message: {
      event_id,
      tenant_id: 'acme',
      job_id: randomUUIDv7(),
      action: 'a',
      type: 'job.succeeded',
      status: 'succeeded',
      body: '{}',
    },
    to: HEALTHY.map((endpointId) => ({ endpointId, url: null })),
    dueMs: Date.now(),
    expiresMs: Date.now() + DAY_MS,
  }));
  await insertFanOuts(db, fanOuts, { nowMs: Date.now() });
});

afterAll(async () => {
  await db.destroy();
  await database[Symbol.asyncDispose]();
});

/** Rows of deliveries and messages that Postgres reads for some work, which is rolled back. */
async function rowsReadBy(work: (trx: Db) => Promise<unknown>): Promise<number> {
  const read = Promise.withResolvers<number>();
  await db
    .transaction()
    .execute(async (trx) => {
      const before = await rowsRead(trx);
      await work(trx);
      read.resolve((await rowsRead(trx)) - before);
      throw new Error('rolled back');
    })
    .catch((error) => read.reject(error));
  return read.promise;
}

/** So far by this connection: Postgres starts anew from time to time, never within a transaction. */
async function rowsRead(trx: Db): Promise<number> {
  const { rows } = await sql<{ read: number }>`
    select sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0))::int as read
    from pg_stat_xact_user_tables where relname like 'webhook_delivery%' or relname like 'webhook_message%'`.execute(
    trx,
  );
  return rows[0]?.read ?? 0;
}

/** Leaves Postgres with statistics of a time at which everything was delivered. */
async function misinform(): Promise<void> {
  for (const state of ['delivered', 'pending']) {
    await db
      .updateTable('webhook_delivery')
      .set({ state: state as DeliveryState })
      .execute();
    if (state === 'delivered') await sql`vacuum analyze webhook_delivery`.execute(db);
  }
}

const result = (event_id: string, endpoint_id: string) => ({
  event_id,
  endpoint_id,
  attempt: 1,
  trigger: 'auto' as const,
  startedMs: Date.now(),
  durationMs: 1,
  status: 200,
  errorCode: null,
  requestHeaders: {},
  response: '',
  state: 'delivered' as const,
  dueMs: null,
});

test.each(['before Postgres knows the table', 'after', 'while it believes that nothing is pending'])(
  '%s, no statement reads the backlog',
  async (when) => {
    if (when === 'after') await sql`analyze`.execute(db);
    if (when.startsWith('while')) await misinform();
    const shards = Array.from({ length: 256 }, (_, shard) => shard);
    const pages = [...HEALTHY, 'whe_dead'].map((endpointId) => ({
      shard: shardOf(endpointId),
      endpointId,
      after: null,
      fresh: endpointId === 'whe_dead' ? 0 : 24,
      limit: endpointId === 'whe_dead' ? 1 : 32,
    }));
    const results = HEALTHY.flatMap((endpointId) => eventIds.map((eventId) => result(eventId, endpointId)));
    const recorded = await rowsReadBy((trx) => recordAttempts(trx, results));
    expect(recorded).toBeGreaterThanOrEqual(results.length);
    expect(recorded).toBeLessThan(2 * results.length);
    expect(await rowsReadBy((trx) => findEndpoints(trx, shards))).toBeLessThan(100);
    expect(await rowsReadBy((trx) => readPages(trx, pages, Date.now()))).toBeLessThan(1_000);
    expect(await rowsReadBy((trx) => expirePending(trx, Date.now()))).toBeLessThan(100);
    const counted = { nowMs: Date.now(), most: 200 };
    expect(await rowsReadBy((trx) => countDue(trx, endpoints, counted))).toBeLessThan(1_000);
  },
);

test('what is due is counted for each endpoint, up to a limit', async () => {
  const counted = await db
    .transaction()
    .execute((trx) => countDue(trx, endpoints, { nowMs: Date.now(), most: 1_000 }));
  expect(counted).toEqual([...HEALTHY.map(() => eventIds.length), 1_000]);
  const before = { nowMs: Date.now() - DAY_MS, most: 1_000 };
  expect(await db.transaction().execute((trx) => countDue(trx, endpoints.slice(-2), before))).toEqual([0, 0]);
});

test('every endpoint with something pending is found, with the time of its next delivery', async () => {
  const shards = Array.from({ length: 256 }, (_, shard) => shard);
  const found = await findEndpoints(db, shards);
  expect(found.map(({ endpoint_id }) => endpoint_id).toSorted()).toEqual([...HEALTHY, 'whe_dead'].toSorted());
  const some = await findEndpoints(db, [shardOf('whe_dead')]);
  expect(some.map(({ endpoint_id }) => endpoint_id)).toContain('whe_dead');
  expect(some.every(({ shard }) => shard === shardOf('whe_dead'))).toBe(true);
});
