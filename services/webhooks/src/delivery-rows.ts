import {
  type AttemptTrigger,
  type Db,
  type DeliveryState,
  type RoundTrigger,
  shardOf,
} from '@errand/postgres';
import { type RawBuilder, sql } from 'kysely';
import type { Message } from './sending/compose-request.ts';

/*
 * What is written to webhook_message, webhook_delivery and webhook_attempt while events come in and attempts are made.
 * Rows travel as one array per column, so a statement has the same text, and few parameters, for any number of rows.
 */

/** Who is to hear of an event: an endpoint, or the URL of a job's own webhook, with the queue made up for it. */
export interface Addressee {
  endpointId: string;
  url: string | null;
  withResults?: boolean;
}

/** An event and those who are to hear of it. */
export interface FanOut {
  message: Message & { type: string };
  to: readonly Addressee[];
  /** When the first attempt is due, Unix milliseconds. */
  dueMs: number;
  expiresMs: number;
}

/** A delivery to be attempted, with its message. */
export interface DueDelivery extends Message {
  endpoint_id: string;
  /** Attempts made so far. */
  attempts: number;
  /** How many of them the retry schedule does not count. */
  schedule_offset: number;
  /** What began this round of attempts. */
  trigger: RoundTrigger;
  /** Of a job's own webhook; null for that of its endpoint. */
  url: string | null;
  /** Whether its body carries the message's results, which are not in here: they would fill the memory. */
  with_results: boolean;
  expires_at: Date;
  /** In Postgres' own words, with all its digits. */
  due_at_text: string;
}

/** A delivery's name, unique among all. */
export function idOf({ event_id, endpoint_id }: { event_id: string; endpoint_id: string }): string {
  return `${event_id}.${endpoint_id}`;
}

/** What an attempt makes of its delivery. */
export interface AttemptResult {
  event_id: string;
  endpoint_id: string;
  /** Counts from 1. */
  attempt: number;
  trigger: AttemptTrigger;
  startedMs: number;
  durationMs: number;
  status: number | null;
  errorCode: string | null;
  /** As sent, secrets blanked out. */
  requestHeaders: Record<string, string>;
  response: string | null;
  state: DeliveryState;
  /** When it is tried again; null once it is not pending any more. */
  dueMs: number | null;
}

/** A delivery that was made. */
export interface Inserted {
  tenant_id: string;
  endpoint_id: string;
}

/**
 * Stores messages and their deliveries in one statement; resolves with the deliveries that are new. One that is
 * already there stays as it is, whatever became of it. Whether the message is there says nothing: a replay for one
 * endpoint may have stored it before the event came in for the others, and without the results that they ask for.
 * Partitions must exist. With `moving`, a statement that returns a row or none, nothing is stored where that returns
 * none, and the result is undefined.
 */
export async function insertFanOuts(
  db: Db,
  fanOuts: readonly FanOut[],
  { nowMs, moving }: { nowMs: number; moving?: RawBuilder<unknown> | undefined },
): Promise<Inserted[] | undefined> {
  // In one order for all, so that two processes which insert the same events never wait for each other in a circle.
  const sorted = [...fanOuts].sort((a, b) => (a.message.event_id < b.message.event_id ? -1 : 1));
  const messages = distinct(sorted.map(({ message }) => message));
  const deliveries = sorted.flatMap(({ message, to, dueMs, expiresMs }) =>
    to.map((addressee) => ({ message, ...addressee, dueMs, expiresMs })),
  );
  const now = timestamp(nowMs);
  const { rows } = await sql<Inserted | Record<keyof Inserted, null>>`
    with moved as (${moving ?? sql`select true`}), stored as (
      insert into webhook_message (event_id, tenant_id, job_id, action, type, status, body, results, traceparent)
      select * from unnest(
        ${messages.map((row) => row.event_id)}::uuid[],
        ${messages.map((row) => row.tenant_id)}::text[],
        ${messages.map((row) => row.job_id)}::uuid[],
        ${messages.map((row) => row.action)}::text[],
        ${messages.map((row) => row.type)}::text[],
        ${messages.map((row) => row.status)}::text[],
        ${messages.map((row) => row.body)}::text[],
        ${messages.map((row) => row.results ?? null)}::text[],
        ${messages.map((row) => row.traceparent ?? null)}::text[])
      where exists (select from moved)
      on conflict (event_id) do update set results = excluded.results
        where webhook_message.results is null and excluded.results is not null),
    inserted as (insert into webhook_delivery
      (event_id, endpoint_id, tenant_id, shard, url, with_results, state, attempts, due_at, expires_at, updated_at)
    select event_id, endpoint_id, tenant_id, shard, url, with_results, 'pending', 0, due_at, expires_at,
      ${now}::timestamptz
    from unnest(
      ${deliveries.map((row) => row.message.event_id)}::uuid[],
      ${deliveries.map((row) => row.message.tenant_id)}::text[],
      ${deliveries.map((row) => row.endpointId)}::text[],
      ${deliveries.map((row) => shardOf(row.endpointId))}::smallint[],
      ${deliveries.map((row) => row.url)}::text[],
      ${deliveries.map((row) => row.withResults ?? false)}::boolean[],
      ${deliveries.map((row) => timestamp(row.dueMs))}::timestamptz[],
      ${deliveries.map((row) => timestamp(row.expiresMs))}::timestamptz[]
    ) as wanted (event_id, tenant_id, endpoint_id, shard, url, with_results, due_at, expires_at)
    where exists (select from moved)
    on conflict do nothing
    returning tenant_id, endpoint_id)
    select tenant_id, endpoint_id from inserted union all select null, null from moved`.execute(db);
  if (rows.length === 0) return undefined;
  return rows.filter((row): row is Inserted => row.endpoint_id !== null);
}

/** Each message once, with its results where one of its copies has them: a statement must not write a row twice. */
function distinct<M extends FanOut['message']>(messages: readonly M[]): M[] {
  const byId = new Map<string, M>();
  for (const message of messages) {
    const known = byId.get(message.event_id);
    if (!known || (known.results ?? null) === null) byId.set(message.event_id, message);
  }
  return [...byId.values()];
}

/** A delivery with all that its body carries. */
export async function withResults(db: Db, delivery: DueDelivery): Promise<DueDelivery> {
  if (!delivery.with_results) return delivery;
  const found = await db
    .selectFrom('webhook_message')
    .select('results')
    .where('event_id', '=', delivery.event_id)
    .executeTakeFirst();
  return { ...delivery, results: found?.results ?? null };
}

/**
 * Stores attempts and what they make of their deliveries, in one statement. A delivery that is not as the attempt
 * found it stays as it is: it was canceled, or another process attempted it too.
 */
export async function recordAttempts(db: Db, results: readonly AttemptResult[]): Promise<void> {
  await sql`
    select webhook_record_attempts(
      ${results.map((row) => row.event_id)}::uuid[],
      ${results.map((row) => row.endpoint_id)}::text[],
      ${results.map((row) => row.attempt)}::int[],
      ${results.map((row) => row.trigger)}::text[],
      ${results.map((row) => timestamp(row.startedMs))}::timestamptz[],
      ${results.map((row) => Math.round(row.durationMs))}::int[],
      ${results.map((row) => row.status)}::int[],
      ${results.map((row) => row.errorCode)}::text[],
      ${results.map((row) => JSON.stringify(row.requestHeaders))}::text[],
      ${results.map((row) => row.response)}::text[],
      ${results.map((row) => row.state)}::text[],
      ${results.map((row) => (row.dueMs === null ? null : timestamp(row.dueMs)))}::timestamptz[])`.execute(
    db,
  );
}

/** Cancels whatever an endpoint has pending; resolves with the number of deliveries. */
export async function cancelPending(db: Db, endpointId: string, nowMs: number): Promise<number> {
  const wanted = sql`state = 'pending' and shard = ${shardOf(endpointId)} and endpoint_id = ${endpointId}`;
  return endPending(db, { state: 'canceled', wanted, order: sql`due_at`, nowMs });
}

/** Gives up what is past its life, also where nothing may be sent; resolves with the number of deliveries. */
export async function expirePending(db: Db, nowMs: number): Promise<number> {
  // In the words of its index, which no other statement must be able to use.
  const order = sql`(case state when 'pending' then expires_at end)`;
  const wanted = sql`${order} <= ${timestamp(nowMs)}::timestamptz`;
  return endPending(db, { state: 'expired', wanted, order, nowMs });
}

const EVENTS_AT_ONCE = 1_000;

/** Ends the pending deliveries that are wanted, those of some events in each statement: there may be a million. */
async function endPending(
  db: Db,
  how: {
    state: DeliveryState;
    wanted: RawBuilder<unknown>;
    /** That of the index by which they are found. */
    order: RawBuilder<unknown>;
    nowMs: number;
  },
): Promise<number> {
  const { state, wanted, order, nowMs } = how;
  for (let ended = 0; ; ) {
    // Postgres could make a join with what was found by reading all that is pending for each row.
    const { numAffectedRows } = await sql`
      update webhook_delivery set state = ${state}, updated_at = ${timestamp(nowMs)}::timestamptz
      where ${wanted} and event_id = any(array(
        select event_id from webhook_delivery where ${wanted} order by ${order} limit ${EVENTS_AT_ONCE}))`.execute(
      db,
    );
    const count = Number(numAffectedRows ?? 0);
    ended += count;
    if (count < EVENTS_AT_ONCE) return ended;
  }
}

function timestamp(ms: number): string {
  return new Date(ms).toISOString();
}
