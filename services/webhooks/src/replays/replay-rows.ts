import { EventId, type WebhookAnswer, type WebhookRequest } from '@errand/contracts';
import { type Database, type Db, shardOf } from '@errand/postgres';
import { type Selectable, sql } from 'kysely';
import type { FanOut, Inserted } from '../delivery-rows.ts';

/* What replays and redeliveries read and write. */

export type ReplayRow = Selectable<Database['webhook_replay']>;

/**
 * Makes one delivery pending again, due now and before all others of its endpoint, whatever became of it; undefined for
 * one that does not exist.
 */
export async function redeliver(
  db: Db,
  wanted: { tenantId: string; eventId: string; endpointId: string; nowMs: number; expiresMs: number },
): Promise<{ attempts: number } | undefined> {
  return db
    .updateTable('webhook_delivery')
    .set((eb) => ({
      state: 'pending',
      schedule_offset: eb.ref('attempts'),
      trigger: 'manual',
      due_at: sql<string>`least(${timestamp(wanted.nowMs)}::timestamptz, (
        select d.due_at - interval '1 millisecond' from webhook_delivery d
        where d.state = 'pending' and d.shard = ${shardOf(wanted.endpointId)} and d.endpoint_id = ${wanted.endpointId}
        order by d.due_at limit 1))`,
      expires_at: timestamp(wanted.expiresMs),
      updated_at: timestamp(wanted.nowMs),
    }))
    .where('event_id', '=', wanted.eventId)
    .where('endpoint_id', '=', wanted.endpointId)
    .where('tenant_id', '=', wanted.tenantId)
    .returning('attempts')
    .executeTakeFirst();
}

/** One page of an endpoint's deliveries in some states, by event id; unless `dryRun` they are pending then. */
export async function redeliverPage(
  db: Db,
  page: {
    endpointId: string;
    states: readonly string[];
    /** Of their events; null for all. */
    types: readonly string[] | null;
    /** Both are event ids: what lies behind the first and before the second. */
    after: string;
    before: string;
    limit: number;
    dryRun: boolean;
    nowMs: number;
    expiresMs: number;
  },
): Promise<string[]> {
  const found = sql<{ event_id: string }>`
    select event_id from webhook_delivery d
    where endpoint_id = ${page.endpointId} and state = any(${[...page.states]}::text[])
      and event_id > ${page.after}::uuid and event_id < ${page.before}::uuid
      and (${page.types === null} or exists (
        select from webhook_message m where m.event_id = d.event_id and m.type = any(${page.types}::text[])))
    order by event_id limit ${page.limit}`;
  if (page.dryRun) return (await found.execute(db)).rows.map(({ event_id }) => event_id);
  const { rows } = await sql<{ event_id: string }>`
    with page as (${found})
    update webhook_delivery d
    set state = 'pending', schedule_offset = attempts, trigger = 'replay', due_at = ${timestamp(page.nowMs)}::timestamptz,
      expires_at = ${timestamp(page.expiresMs)}::timestamptz, updated_at = ${timestamp(page.nowMs)}::timestamptz
    from page where d.event_id = page.event_id and d.endpoint_id = ${page.endpointId}
    returning d.event_id`.execute(db);
  return rows.map(({ event_id }) => event_id).sort();
}

/** Of these events, those of which the endpoint has a delivery. */
export async function deliveredEvents(
  db: Db,
  endpointId: string,
  eventIds: readonly string[],
): Promise<Set<string>> {
  const { rows } = await sql<{ event_id: string }>`
    select event_id from webhook_delivery
    where endpoint_id = ${endpointId} and event_id = any(${[...eventIds]}::uuid[])`.execute(db);
  return new Set(rows.map(({ event_id }) => event_id));
}

/** Stores deliveries that an endpoint missed; resolves with those that are new. Partitions must exist. */
export async function insertMissed(db: Db, endpoint: Inserted, missed: readonly FanOut[]): Promise<number> {
  if (missed.length === 0) return 0;
  await db
    .insertInto('webhook_message')
    .values(missed.map(({ message }) => message))
    .onConflict((conflict) =>
      conflict
        .column('event_id')
        .doUpdateSet(({ ref }) => ({ results: ref('excluded.results') }))
        .where('webhook_message.results', 'is', null),
    )
    .execute();
  const rows = await db
    .insertInto('webhook_delivery')
    .values(
      missed.map(({ message, to, dueMs, expiresMs }) => ({
        event_id: message.event_id,
        endpoint_id: endpoint.endpoint_id,
        tenant_id: endpoint.tenant_id,
        shard: shardOf(endpoint.endpoint_id),
        with_results: to.some(({ withResults = false }) => withResults),
        state: 'pending' as const,
        attempts: 0,
        schedule_offset: 0,
        trigger: 'replay' as const,
        due_at: timestamp(dueMs),
        expires_at: timestamp(expiresMs),
        updated_at: timestamp(dueMs),
      })),
    )
    .onConflict((conflict) => conflict.doNothing())
    .returning('event_id')
    .execute();
  return rows.length;
}

/** How many deliveries an endpoint has pending, counted up to `most`. */
export async function countPending(db: Db, endpointId: string, most: number): Promise<number> {
  const { rows } = await sql<{ pending: number }>`
    select count(*)::int as pending from (
      select from webhook_delivery
      where state = 'pending' and shard = ${shardOf(endpointId)} and endpoint_id = ${endpointId}
      limit ${most}) as counted`.execute(db);
  return rows[0]?.pending ?? 0;
}

/** How many replays of an endpoint are not over. */
export async function countRunning(db: Db, endpointId: string): Promise<number> {
  const { running } = await db
    .selectFrom('webhook_replay')
    .select(({ fn }) => fn.countAll<string>().as('running'))
    .where('endpoint_id', '=', endpointId)
    .where('state', '=', 'running')
    .executeTakeFirstOrThrow();
  return Number(running);
}

/** Of an endpoint, the newest ones are kept. */
const MOST_KEPT = 1_000;

/** Forgets the oldest replays of an endpoint that have ended, beyond those that are kept. */
export async function dropOldReplays(db: Db, endpointId: string): Promise<void> {
  await sql`
    delete from webhook_replay where endpoint_id = ${endpointId} and state <> 'running' and replay_id <= (
      select replay_id from webhook_replay where endpoint_id = ${endpointId}
      order by replay_id desc offset ${MOST_KEPT - 1} limit 1)`.execute(db);
}

/**
 * The replay that is not over, has been due longest, and that no other process is working on; locked until the
 * transaction ends.
 */
export async function takeReplay(trx: Db, nowMs: number): Promise<ReplayRow | undefined> {
  return trx
    .selectFrom('webhook_replay')
    .selectAll()
    .where('state', '=', 'running')
    .where('due_at', '<=', new Date(nowMs))
    .orderBy('due_at')
    .limit(1)
    .forUpdate()
    .skipLocked()
    .executeTakeFirst();
}

/** Lets other replays go first until a time. */
export async function postponeReplay(db: Db, replayId: string, dueMs: number): Promise<void> {
  await db
    .updateTable('webhook_replay')
    .set({ due_at: timestamp(dueMs) })
    .where('replay_id', '=', replayId)
    .execute();
}

/** Ends a replay that goes on; a page that is being worked on is finished first. */
export async function cancelReplay(
  db: Db,
  request: WebhookRequest<'cancel_replay'>,
  nowMs: number,
): Promise<WebhookAnswer<'cancel_replay'>> {
  const { replay_id, endpoint_id, tenant_id } = request;
  // What is no id at all is refused by Postgres with an error.
  if (!EventId.safeParse(replay_id).success) return { kind: 'refused', code: 'unknown_replay' };
  return db.transaction().execute(async (trx) => {
    const replay = await trx
      .selectFrom('webhook_replay')
      .select('state')
      .where('replay_id', '=', replay_id)
      .where('endpoint_id', '=', endpoint_id)
      .where('tenant_id', '=', tenant_id)
      .forUpdate()
      .executeTakeFirst();
    if (!replay) return { kind: 'refused', code: 'unknown_replay' };
    if (replay.state !== 'running') return { kind: 'ended' };
    await trx
      .updateTable('webhook_replay')
      .set({ state: 'canceled', updated_at: timestamp(nowMs) })
      .where('replay_id', '=', replay_id)
      .execute();
    return { kind: 'canceled' };
  });
}

/** Forgets the replays that ended before a time; resolves with their number. */
export async function dropEndedReplays(db: Db, beforeMs: number): Promise<number> {
  const { numDeletedRows } = await db
    .deleteFrom('webhook_replay')
    .where('state', '<>', 'running')
    .where('updated_at', '<', new Date(beforeMs))
    .executeTakeFirst();
  return Number(numDeletedRows);
}

function timestamp(ms: number): string {
  return new Date(ms).toISOString();
}
