import { createHash } from 'node:crypto';
import type { Db, DeliveryState } from '@errand/postgres';
import { sql } from 'kysely';
import type { Message } from './compose-request.ts';

/*
 * Every statement on webhook_message, webhook_delivery and webhook_attempt. Rows travel as one array per column, so
 * a statement has the same text, and few parameters, for any number of rows.
 */

/** An event and the endpoints that are to hear of it. */
export interface FanOut {
  message: Message & { type: string };
  endpointIds: readonly string[];
  /** When the first attempt is due, Unix milliseconds. */
  dueMs: number;
  expiresMs: number;
}

/** A delivery to be attempted, with its message. */
export interface DueDelivery extends Message {
  endpoint_id: string;
  /** Attempts made so far. */
  attempts: number;
  expires_at: Date;
}

/** What an attempt makes of its delivery. */
export interface AttemptResult {
  event_id: string;
  endpoint_id: string;
  /** Counts from 1. */
  attempt: number;
  startedMs: number;
  durationMs: number;
  status: number | null;
  errorCode: string | null;
  response: string | null;
  state: DeliveryState;
  /** When it is tried again; null once it is not pending any more. */
  dueMs: number | null;
}

/**
 * Stores messages and their deliveries in one statement; resolves with the number of deliveries. An event that is
 * already there changes nothing, whatever became of its deliveries. Partitions must exist.
 */
export async function insertFanOuts(db: Db, fanOuts: readonly FanOut[], nowMs: number): Promise<number> {
  // In one order for all, so that two processes which insert the same events never wait for each other in a circle.
  const sorted = [...fanOuts].sort((a, b) => (a.message.event_id < b.message.event_id ? -1 : 1));
  const messages = sorted.map(({ message }) => message);
  const deliveries = sorted.flatMap(({ message, endpointIds, dueMs, expiresMs }) =>
    endpointIds.map((endpointId) => ({ message, endpointId, dueMs, expiresMs })),
  );
  const now = timestamp(nowMs);
  const { numAffectedRows } = await sql`
    with fresh as (
      insert into webhook_message (event_id, tenant_id, job_id, action, type, status, body)
      select * from unnest(
        ${messages.map((row) => row.event_id)}::uuid[],
        ${messages.map((row) => row.tenant_id)}::text[],
        ${messages.map((row) => row.job_id)}::uuid[],
        ${messages.map((row) => row.action)}::text[],
        ${messages.map((row) => row.type)}::text[],
        ${messages.map((row) => row.status)}::text[],
        ${messages.map((row) => row.body)}::text[])
      on conflict do nothing
      returning event_id, tenant_id)
    insert into webhook_delivery
      (event_id, endpoint_id, tenant_id, shard, state, attempts, due_at, expires_at, updated_at)
    select event_id, endpoint_id, tenant_id, shard, 'pending', 0, due_at, expires_at, ${now}::timestamptz
    from fresh join unnest(
      ${deliveries.map((row) => row.message.event_id)}::uuid[],
      ${deliveries.map((row) => row.endpointId)}::text[],
      ${deliveries.map((row) => shardOf(row.endpointId))}::smallint[],
      ${deliveries.map((row) => timestamp(row.dueMs))}::timestamptz[],
      ${deliveries.map((row) => timestamp(row.expiresMs))}::timestamptz[]
    ) as wanted (event_id, endpoint_id, shard, due_at, expires_at) using (event_id)
    on conflict do nothing`.execute(db);
  return Number(numAffectedRows ?? 0);
}

/** Pending deliveries that are due and not yet expired, the longest due first. */
export async function findDue(
  db: Db,
  wanted: { nowMs: number; limit: number; exceptEndpointIds: readonly string[] },
): Promise<DueDelivery[]> {
  const now = timestamp(wanted.nowMs);
  const { rows } = await sql<DueDelivery>`
    select event_id, endpoint_id, attempts, expires_at, m.tenant_id, m.job_id, m.action, m.status, m.body
    from webhook_delivery d join webhook_message m using (event_id)
    where d.state = 'pending' and d.due_at <= ${now}::timestamptz and d.expires_at > ${now}::timestamptz
      and d.endpoint_id <> all (${wanted.exceptEndpointIds}::text[])
    order by d.due_at limit ${wanted.limit}`.execute(db);
  return rows;
}

/**
 * Stores attempts and what they make of their deliveries, in one statement. A delivery that is not as the attempt
 * found it stays as it is: it was canceled, or another process attempted it too.
 */
export async function recordAttempts(db: Db, results: readonly AttemptResult[]): Promise<void> {
  await sql`
    with result as (
      select * from unnest(
        ${results.map((row) => row.event_id)}::uuid[],
        ${results.map((row) => row.endpoint_id)}::text[],
        ${results.map((row) => row.attempt)}::int[],
        ${results.map((row) => timestamp(row.startedMs))}::timestamptz[],
        ${results.map((row) => Math.round(row.durationMs))}::int[],
        ${results.map((row) => row.status)}::int[],
        ${results.map((row) => row.errorCode)}::text[],
        ${results.map((row) => row.response)}::text[],
        ${results.map((row) => row.state)}::text[],
        ${results.map((row) => (row.dueMs === null ? null : timestamp(row.dueMs)))}::timestamptz[]
      ) as r (event_id, endpoint_id, attempt, started_at, duration_ms, status, error_code, response, state, due_at)
    ), changed as (
      update webhook_delivery d
      set state = r.state, attempts = r.attempt, due_at = coalesce(r.due_at, d.due_at),
        updated_at = r.started_at + r.duration_ms * interval '1 millisecond'
      from result r
      where d.event_id = r.event_id and d.endpoint_id = r.endpoint_id
        and d.state = 'pending' and d.attempts = r.attempt - 1)
    insert into webhook_attempt
      (event_id, endpoint_id, attempt, started_at, duration_ms, status, error_code, response)
    select event_id, endpoint_id, attempt, started_at, duration_ms, status, error_code, response from result
    on conflict do nothing`.execute(db);
}

/** Cancels whatever an endpoint has pending; resolves with the number of deliveries. */
export async function cancelPending(db: Db, endpointId: string, nowMs: number): Promise<number> {
  const { numAffectedRows } = await sql`
    update webhook_delivery set state = 'canceled', updated_at = ${timestamp(nowMs)}::timestamptz
    where state = 'pending' and shard = ${shardOf(endpointId)} and endpoint_id = ${endpointId}`.execute(db);
  return Number(numAffectedRows ?? 0);
}

/** Gives up what is past its life, also where nothing may be sent; resolves with the number of deliveries. */
export async function expirePending(db: Db, nowMs: number): Promise<number> {
  const now = timestamp(nowMs);
  const { numAffectedRows } = await sql`
    update webhook_delivery set state = 'expired', updated_at = ${now}::timestamptz
    where state = 'pending' and due_at <= ${now}::timestamptz and expires_at <= ${now}::timestamptz`.execute(
    db,
  );
  return Number(numAffectedRows ?? 0);
}

/** 0-255: the first byte of the id's SHA-256. */
function shardOf(endpointId: string): number {
  return createHash('sha256').update(endpointId).digest()[0] ?? 0;
}

function timestamp(ms: number): string {
  return new Date(ms).toISOString();
}
