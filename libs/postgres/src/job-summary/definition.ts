import { type Kysely, sql } from 'kysely';
import { jobSummaryColumns } from './columns.ts';

/*
 * job_summary as all migrations together leave it, under any name. A rebuild makes its table by this, since the one in
 * use may be gone; a test holds it against the migrations.
 */

/** Makes the table without its secondary indexes, which are faster made once the rows are there. */
export async function createJobSummaryTable<T>(db: Kysely<T>, name: string): Promise<void> {
  const columns = jobSummaryColumns().map(
    ([column, { type, nullable }]) =>
      `${column} ${type} ${column === 'job_id' ? 'primary key' : nullable ? '' : 'not null'}`,
  );
  const table = sql.table(name);
  await sql`create table ${table} (${sql.raw(columns.join())}) partition by range (job_id)`.execute(db);
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
