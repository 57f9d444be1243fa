import { type Kysely, sql } from 'kysely';

/** What a tenant's jobs did, by the minute, and what that is counted from. */
export async function createJobStats<T>(db: Kysely<T>): Promise<void> {
  await sql`
    alter table job_summary
      add column ready_at timestamptz,
      add column first_started_at timestamptz,
      add column error_code text`.execute(db);
  // A tenant's jobs that have not ended, by action and status.
  await sql`
    create index job_summary_open on job_summary (tenant_id, action, status, job_id)
    where status in ('queued', 'running')`.execute(db);
  await sql`
    create table job_stats (
      tenant_id text not null,
      at timestamptz not null,
      action text not null,
      fact text not null,
      bin smallint not null,
      jobs bigint not null,
      primary key (tenant_id, at, action, fact, bin)
    ) with (fillfactor = 70)`.execute(db);
  await sql`
    create table job_failures (
      tenant_id text not null,
      at timestamptz not null,
      action text not null,
      code text not null,
      jobs bigint not null,
      first_seen timestamptz not null,
      last_seen timestamptz not null,
      sample_job_id uuid not null,
      primary key (tenant_id, at, action, code)
    ) with (fillfactor = 70)`.execute(db);
}
