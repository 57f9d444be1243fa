import { type Kysely, sql } from 'kysely';

/*
 * A partition grows from nothing to 100,000 rows between two ANALYZE runs of Postgres, which may then believe for a
 * minute that nothing is pending. Any index of pending rows looks empty to it, and is read from end to end instead of
 * being searched. So the delivery statements are left with one plan that is right at any size: an index meant for
 * others has a condition that theirs does not imply, and rows are named by their key.
 */
export async function settleWebhookPlans(db: Kysely<unknown>): Promise<void> {
  await sql`drop index webhook_delivery_expiry`.execute(db);
  await sql`
    create index webhook_delivery_expiry on webhook_delivery ((case state when 'pending' then expires_at end))
    where (case state when 'pending' then expires_at end) is not null`.execute(db);
  // Rare endings, for the delivery log by state and for replays of what failed.
  await sql`
    create index webhook_delivery_unsuccessful on webhook_delivery (endpoint_id, state, event_id)
    where state in ('failed', 'expired', 'canceled')`.execute(db);
  await sql`create index webhook_replay_endpoint on webhook_replay (endpoint_id, replay_id)`.execute(db);
  await settleRecording(db);
  await settleReading(db);
}

/**
 * Stores attempts, and updates the deliveries that are still as the attempt found them. Besides the join, the rows are
 * named by their events, so that however Postgres joins, it reads no others; `lowest` and `highest` spare it the
 * partitions of other days, and `case` keeps it from the index of what is pending, which holds a dead endpoint's
 * backlog. A plan that was made while the table was small and is kept must not read all of it, nor compare each row
 * with each result.
 */
async function settleRecording(db: Kysely<unknown>): Promise<void> {
  await sql`
    create or replace function webhook_record_attempts(
      event_ids uuid[], endpoint_ids text[], numbers int[], triggers text[], started timestamptz[], durations_ms int[],
      statuses int[], error_codes text[], headers text[], responses text[], states text[], due timestamptz[])
    returns void language plpgsql set enable_seqscan = off set enable_nestloop = off as $$
    declare
      lowest uuid := (select id from unnest(event_ids) id order by id limit 1);
      highest uuid := (select id from unnest(event_ids) id order by id desc limit 1);
    begin
      update webhook_delivery d
      set state = r.state, attempts = r.attempt, due_at = coalesce(r.due_at, d.due_at),
        updated_at = r.started_at + r.duration_ms * interval '1 millisecond'
      from unnest(event_ids, endpoint_ids, numbers, started, durations_ms, states, due)
        as r (event_id, endpoint_id, attempt, started_at, duration_ms, state, due_at)
      where d.event_id = r.event_id and d.endpoint_id = r.endpoint_id
        and d.event_id = any(event_ids) and d.event_id >= lowest and d.event_id <= highest
        and case d.state when 'pending' then d.attempts end = r.attempt - 1;
      insert into webhook_attempt
        (event_id, endpoint_id, attempt, trigger, started_at, duration_ms, status, error_code, request_headers, response)
      select event_id, endpoint_id, attempt, trigger, started_at, duration_ms, status, error_code, headers_text::json,
        response
      from unnest(
        event_ids, endpoint_ids, numbers, triggers, started, durations_ms, statuses, error_codes, headers, responses)
        as r (event_id, endpoint_id, attempt, trigger, started_at, duration_ms, status, error_code, headers_text, response)
      on conflict do nothing;
    end $$`.execute(db);
}

/**
 * Pages of due deliveries with their messages: for each endpoint the oldest after a cursor, and some of the newest. The
 * plan is kept, since with many partitions planning costs more than reading the pages. It reads the index of what is
 * pending in its order, whatever Postgres believes: anything else would have to sort.
 */
async function settleReading(db: Kysely<unknown>): Promise<void> {
  const columns = sql`d.event_id, d.attempts, d.schedule_offset, d.trigger, d.url, d.expires_at, d.due_at`;
  const due = sql`
    webhook_delivery d
    where d.state = 'pending' and d.shard = w.shard and d.endpoint_id = w.endpoint_id
      and d.due_at <= at_time and d.expires_at > at_time`;
  await sql`
    create function webhook_due_pages(
      shards smallint[], endpoint_ids text[], oldest int[], newest_too int[], after_due timestamptz[], after_ids uuid[],
      at_time timestamptz)
    returns table (
      page int, newest boolean, event_id uuid, attempts int, schedule_offset int, trigger text, url text,
      expires_at timestamptz, due_at_text text, endpoint_id text, tenant_id text, job_id uuid, action text, status text,
      body text)
    language plpgsql stable set plan_cache_mode = force_generic_plan
      set enable_seqscan = off set enable_bitmapscan = off set enable_sort = off set enable_incremental_sort = off as $$
    #variable_conflict use_column
    begin
      return query
      select w.page::int, d.newest, d.event_id, d.attempts, d.schedule_offset, d.trigger, d.url, d.expires_at,
        d.due_at::text, w.endpoint_id, m.tenant_id, m.job_id, m.action, m.status, m.body
      from unnest(shards, endpoint_ids, oldest, newest_too, after_due, after_ids) with ordinality
        as w (shard, endpoint_id, oldest, newest, after_due, after_id, page)
      cross join lateral (
        (select false as newest, ${columns} from ${due} and (d.due_at, d.event_id) > (w.after_due, w.after_id)
          order by d.due_at, d.event_id limit w.oldest)
        union all
        (select true, ${columns} from ${due} order by d.due_at desc, d.event_id desc limit w.newest)) d
      cross join lateral (
        select tenant_id, job_id, action, status, body from webhook_message where event_id = d.event_id limit 1) m
      order by w.page, d.due_at, d.event_id;
    end $$`.execute(db);
}
