import { type Kysely, sql } from 'kysely';

export async function createJobSummary(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table job_summary (
      job_id uuid primary key,
      tenant_id text not null,
      action text not null,
      version bigint not null,
      updated_at timestamptz not null,
      request_version bigint not null,
      created_at timestamptz,
      request json,
      phase_version bigint not null,
      status text,
      next_at timestamptz,
      finished_at timestamptz,
      attempt_version bigint not null,
      attempt_number int not null,
      started_at timestamptz,
      executor_id text,
      progress_version bigint not null,
      progress json,
      outcome_version bigint not null,
      result json,
      errors json not null,
      cancel_version bigint not null,
      cancel_requested_by text
    ) partition by range (job_id)`.execute(db);
  // A tenant's jobs are listed by id, newest first, partition by partition.
  await sql`create index job_summary_tenant on job_summary (tenant_id, job_id)`.execute(db);
  // Covers only jobs that have not ended, so it stays small however many jobs there are.
  await sql`
    create index job_summary_finish_by on job_summary ((request->>'finish_by'))
    where status in ('queued', 'running')`.execute(db);
  await sql`
    create index job_summary_start_by on job_summary ((request->>'start_by'))
    where status = 'queued' and attempt_number = 0`.execute(db);
}
