import { type Kysely, sql } from 'kysely';

export async function createProjectionRebuild(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table projection_rebuild (
      projection text primary key,
      rebuild_id uuid not null,
      state text not null,
      position bigint not null default 0,
      version bigint not null default 0,
      events bigint not null default 0,
      skipped bigint not null default 0,
      remaining bigint not null default 0,
      started_at timestamptz not null,
      ended_at timestamptz,
      events_per_s double precision,
      error text
    )`.execute(db);
  // A tenant's endings in the order of the log.
  await sql`
    create index job_summary_ended on job_summary (tenant_id, phase_version)
    where finished_at is not null`.execute(db);
}
