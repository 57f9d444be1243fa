import { type Kysely, sql } from 'kysely';

/** The trace that calls of receivers are part of. */
export async function addWebhookTraces(db: Kysely<unknown>): Promise<void> {
  await sql`alter table webhook_message add column traceparent text`.execute(db);
  await readWithTraces(db);
}

/**
 * Pages of due deliveries with their messages: for each endpoint the oldest after a cursor, and some of the newest. The
 * plan is kept, since with many partitions planning costs more than reading the pages. It reads the index of what is
 * pending in its order, whatever Postgres believes: anything else would have to sort.
 */
async function readWithTraces(db: Kysely<unknown>): Promise<void> {
  const columns = sql`d.event_id, d.attempts, d.schedule_offset, d.trigger, d.url, d.with_results, d.expires_at,
    d.due_at`;
  const due = sql`
    webhook_delivery d
    where d.state = 'pending' and d.shard = w.shard and d.endpoint_id = w.endpoint_id
      and d.due_at <= at_time and d.expires_at > at_time`;
  await sql`drop function webhook_due_pages`.execute(db);
  await sql`
    create function webhook_due_pages(
      shards smallint[], endpoint_ids text[], oldest int[], newest_too int[], after_due timestamptz[], after_ids uuid[],
      at_time timestamptz)
    returns table (
      page int, newest boolean, event_id uuid, attempts int, schedule_offset int, trigger text, url text,
      expires_at timestamptz, due_at_text text, endpoint_id text, tenant_id text, job_id uuid, action text, status text,
      body text, with_results boolean, traceparent text)
    language plpgsql stable set plan_cache_mode = force_generic_plan
      set enable_seqscan = off set enable_bitmapscan = off set enable_sort = off set enable_incremental_sort = off as $$
    #variable_conflict use_column
    begin
      return query
      select w.page::int, d.newest, d.event_id, d.attempts, d.schedule_offset, d.trigger, d.url, d.expires_at,
        d.due_at::text, w.endpoint_id, m.tenant_id, m.job_id, m.action, m.status, m.body,
        d.with_results, m.traceparent
      from unnest(shards, endpoint_ids, oldest, newest_too, after_due, after_ids) with ordinality
        as w (shard, endpoint_id, oldest, newest, after_due, after_id, page)
      cross join lateral (
        (select false as newest, ${columns} from ${due} and (d.due_at, d.event_id) > (w.after_due, w.after_id)
          order by d.due_at, d.event_id limit w.oldest)
        union all
        (select true, ${columns} from ${due} order by d.due_at desc, d.event_id desc limit w.newest)) d
      cross join lateral (
        select tenant_id, job_id, action, status, body, traceparent from webhook_message where event_id = d.event_id limit 1) m
      order by w.page, d.due_at, d.event_id;
    end $$`.execute(db);
}
