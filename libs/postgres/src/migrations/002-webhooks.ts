import { type Kysely, sql } from 'kysely';

export async function createWebhooks(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table webhook_message (
      event_id uuid primary key,
      tenant_id text not null,
      job_id uuid,
      action text,
      type text not null,
      status text,
      body text not null
    ) partition by range (event_id)`.execute(db);
  await sql`create index webhook_message_job on webhook_message (job_id)`.execute(db);
  await sql`
    create table webhook_delivery (
      event_id uuid not null,
      endpoint_id text not null,
      tenant_id text not null,
      shard smallint not null,
      state text not null,
      attempts int not null,
      schedule_offset int not null default 0,
      trigger text not null default 'auto',
      url text,
      due_at timestamptz not null,
      expires_at timestamptz not null,
      updated_at timestamptz not null,
      primary key (event_id, endpoint_id)
    ) partition by range (event_id)`.execute(db);
  // The delivery log of an endpoint, newest or oldest first.
  await sql`create index webhook_delivery_endpoint on webhook_delivery (endpoint_id, event_id)`.execute(db);
  // Work is found per endpoint, so that one endpoint's backlog does not slow the search for another.
  await sql`
    create index webhook_delivery_pending on webhook_delivery (shard, endpoint_id, due_at, event_id)
    where state = 'pending'`.execute(db);
  await sql`
    create index webhook_delivery_expiry on webhook_delivery (expires_at) where state = 'pending'`.execute(
    db,
  );
  await sql`
    create table webhook_attempt (
      event_id uuid not null,
      endpoint_id text not null,
      attempt int not null,
      trigger text not null,
      started_at timestamptz not null,
      duration_ms int not null,
      status int,
      error_code text,
      request_headers json not null,
      response text,
      primary key (event_id, endpoint_id, attempt)
    ) partition by range (event_id)`.execute(db);
  await sql`
    create table webhook_endpoint_state (
      endpoint_id text primary key,
      tenant_id text not null,
      shard smallint not null,
      state text not null,
      failing_since timestamptz,
      failed_attempts int not null,
      last_success_at timestamptz,
      last_failure_at timestamptz,
      gone_at timestamptz,
      disabled_at timestamptz,
      disabled_reason text,
      disabled_record timestamptz,
      breaker text not null,
      probe_step int not null,
      next_probe_at timestamptz,
      updated_at timestamptz not null
    )`.execute(db);
  await sql`create index webhook_endpoint_state_shard on webhook_endpoint_state (shard)`.execute(db);
  await createRecording(db);
  await createShards(db);
  await sql`
    create table webhook_replay (
      replay_id uuid primary key,
      tenant_id text not null,
      endpoint_id text not null,
      since timestamptz not null,
      until timestamptz not null,
      which text not null,
      types text[],
      dry_run boolean not null,
      state text not null,
      phase text not null,
      cursor text,
      matched int not null,
      scheduled int not null,
      error text,
      due_at timestamptz not null default now(),
      created_at timestamptz not null,
      updated_at timestamptz not null
    )`.execute(db);
  await sql`
    create index webhook_replay_running on webhook_replay (due_at) where state = 'running'`.execute(db);
}

/**
 * Stores attempts, and updates the deliveries that are still as the attempt found them. A loop, so that each delivery
 * is found by its key: given the whole list to join, Postgres may read all that is pending instead, which costs as much
 * as a dead endpoint's backlog.
 */
async function createRecording(db: Kysely<unknown>): Promise<void> {
  await sql`
    create function webhook_record_attempts(
      event_ids uuid[], endpoint_ids text[], numbers int[], triggers text[], started timestamptz[], durations_ms int[],
      statuses int[], error_codes text[], headers text[], responses text[], states text[], due timestamptz[])
    returns void language plpgsql as $$
    begin
      for i in 1 .. cardinality(event_ids) loop
        update webhook_delivery
        set state = states[i], attempts = numbers[i], due_at = coalesce(due[i], due_at),
          updated_at = started[i] + durations_ms[i] * interval '1 millisecond'
        where event_id = event_ids[i] and endpoint_id = endpoint_ids[i]
          and state = 'pending' and attempts = numbers[i] - 1;
      end loop;
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

/** Who sends for which endpoints: a lease for each of 256 shards, and the processes that may take one. */
async function createShards(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table webhook_shard (
      shard smallint primary key,
      owner text,
      expires_at timestamptz
    )`.execute(db);
  await sql`insert into webhook_shard (shard) select generate_series(0, 255)`.execute(db);
  await sql`
    create table webhook_owner (
      owner text primary key,
      expires_at timestamptz not null
    )`.execute(db);
}
