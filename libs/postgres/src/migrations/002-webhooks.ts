import { type Kysely, sql } from 'kysely';

export async function createWebhooks(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table webhook_message (
      event_id uuid primary key,
      tenant_id text not null,
      job_id uuid not null,
      action text not null,
      type text not null,
      status text not null,
      body text not null
    ) partition by range (event_id)`.execute(db);
  await sql`
    create table webhook_delivery (
      event_id uuid not null,
      endpoint_id text not null,
      tenant_id text not null,
      shard smallint not null,
      state text not null,
      attempts int not null,
      due_at timestamptz not null,
      expires_at timestamptz not null,
      updated_at timestamptz not null,
      primary key (event_id, endpoint_id)
    ) partition by range (event_id)`.execute(db);
  // Work is found per endpoint, so that the backlog of one costs the search for another nothing.
  await sql`
    create index webhook_delivery_pending on webhook_delivery (shard, endpoint_id, due_at)
    where state = 'pending'`.execute(db);
  await sql`
    create index webhook_delivery_due on webhook_delivery (due_at) where state = 'pending'`.execute(db);
  await sql`
    create table webhook_attempt (
      event_id uuid not null,
      endpoint_id text not null,
      attempt int not null,
      started_at timestamptz not null,
      duration_ms int not null,
      status int,
      error_code text,
      response text,
      primary key (event_id, endpoint_id, attempt)
    ) partition by range (event_id)`.execute(db);
}
