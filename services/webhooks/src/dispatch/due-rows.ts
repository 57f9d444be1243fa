import type { Db } from '@errand/postgres';
import { sql } from 'kysely';
import type { DueDelivery } from '../delivery-rows.ts';
import type { Cursor, Page } from '../pacing/queue-pages.ts';

/*
 * How work is found. Both statements go through the index of pending deliveries (shard, endpoint, due, event) only
 * where they have to: the first one jumps from endpoint to endpoint, so it costs as much as there are endpoints with
 * something pending, however many rows each has; the second one reads a page of each of some endpoints.
 */

export interface EndpointWithWork {
  shard: number;
  endpoint_id: string;
  tenant_id: string;
  /** When its next delivery is due, which may be in the future. */
  due_at: Date;
}

/** The endpoints of some shards that have anything pending. */
export async function findEndpoints(db: Db, shards: readonly number[]): Promise<EndpointWithWork[]> {
  const { rows } = await sql<EndpointWithWork>`
    with recursive endpoint (shard, endpoint_id) as (
      select owned.shard, (
        select d.endpoint_id from webhook_delivery d where d.state = 'pending' and d.shard = owned.shard
        order by d.endpoint_id limit 1)
      from unnest(${[...shards]}::smallint[]) as owned (shard)
      union all
      select e.shard, (
        select d.endpoint_id from webhook_delivery d
        where d.state = 'pending' and d.shard = e.shard and d.endpoint_id > e.endpoint_id
        order by d.endpoint_id limit 1)
      from endpoint e where e.endpoint_id is not null)
    select e.shard, e.endpoint_id, oldest.tenant_id, oldest.due_at
    from endpoint e cross join lateral (
      select d.tenant_id, d.due_at from webhook_delivery d
      where d.state = 'pending' and d.shard = e.shard and d.endpoint_id = e.endpoint_id
      order by d.due_at limit 1) oldest
    where e.endpoint_id is not null`.execute(db);
  return rows;
}

/**
 * How many deliveries of some endpoints are due, of each at most `most`, in the order in which endpoints are given. It needs a
 * transaction of its own, for which it settles that the index of what is pending is read in its order, and so no further than
 * that, whatever Postgres believes of the table.
 */
export async function countDue(
  trx: Db,
  endpoints: readonly Pick<EndpointWithWork, 'shard' | 'endpoint_id'>[],
  { nowMs, most }: { nowMs: number; most: number },
): Promise<number[]> {
  await sql`
    select set_config('enable_' || plan, 'off', true)
    from unnest(array['seqscan', 'bitmapscan', 'sort', 'incremental_sort']) as plan`.execute(trx);
  const { rows } = await sql<{ deliveries: number }>`
    select due.deliveries
    from unnest(
      ${endpoints.map(({ shard }) => shard)}::smallint[],
      ${endpoints.map(({ endpoint_id }) => endpoint_id)}::text[]) with ordinality as e (shard, endpoint_id, place)
    cross join lateral (
      select count(*)::int as deliveries from (
        select from webhook_delivery d
        where d.state = 'pending' and d.shard = e.shard and d.endpoint_id = e.endpoint_id
          and d.due_at <= ${new Date(nowMs).toISOString()}::timestamptz
        order by d.due_at, d.event_id limit ${most}) some_of_them) due
    order by e.place`.execute(trx);
  return rows.map(({ deliveries }) => deliveries);
}

export interface PageWanted {
  readonly shard: number;
  readonly endpointId: string;
  readonly limit: number;
  readonly after: Cursor | null;
  /** Most of the newest rows, beside the oldest. */
  readonly fresh: number;
}

const FIRST: Cursor = { dueAtText: '-infinity', eventId: '00000000-0000-0000-0000-000000000000' };

/** Pages of due deliveries, in the order in which they are wanted. */
export async function readPages(
  db: Db,
  wanted: readonly PageWanted[],
  nowMs: number,
): Promise<Page<DueDelivery>[]> {
  const { rows } = await sql<DueDelivery & { page: number; newest: boolean }>`
    select * from webhook_due_pages(
      ${wanted.map(({ shard }) => shard)}::smallint[],
      ${wanted.map(({ endpointId }) => endpointId)}::text[],
      ${wanted.map(({ limit }) => limit)}::int[],
      ${wanted.map(({ fresh }) => fresh)}::int[],
      ${wanted.map(({ after }) => (after ?? FIRST).dueAtText)}::timestamptz[],
      ${wanted.map(({ after }) => (after ?? FIRST).eventId)}::uuid[],
      ${new Date(nowMs).toISOString()}::timestamptz)`.execute(db);
  const pages = wanted.map(() => ({ oldest: [] as DueDelivery[], newest: [] as DueDelivery[] }));
  for (const { page, newest, ...delivery } of rows)
    pages[page - 1]?.[newest ? 'newest' : 'oldest'].push(delivery);
  for (const page of pages) page.newest.reverse();
  return pages;
}
