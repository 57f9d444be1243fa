import { type Kysely, sql } from 'kysely';

/*
 * job_summary as all migrations together leave it, under any name. A rebuild makes its table by this, since the one in
 * use may be gone; a test holds it against the migrations.
 */

/** Makes the table without its secondary indexes, which are faster made once the rows are there. */
export async function createJobSummaryTable<T>(db: Kysely<T>, name: string): Promise<void> {
  await sql`
    create table ${sql.table(name)} (
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
}

/** Makes those of the secondary indexes that are not there yet. */
export async function createJobSummaryIndexes<T>(db: Kysely<T>, name: string): Promise<void> {
  const table = sql.table(name);
  const index = (suffix: string) => sql.ref(`${name}_${suffix}`);
  await sql`create index if not exists ${index('tenant')} on ${table} (tenant_id, job_id)`.execute(db);
  await sql`
    create index if not exists ${index('finish_by')} on ${table} ((request->>'finish_by'))
    where status in ('queued', 'running')`.execute(db);
  await sql`
    create index if not exists ${index('ended')} on ${table} (tenant_id, phase_version)
    where finished_at is not null`.execute(db);
}
