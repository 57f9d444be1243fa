import { type Kysely, sql } from 'kysely';
import { type Column, jobSummaryColumns } from './columns.ts';

/*
 * job_summary as all migrations together leave it, under any name. A rebuild creates its table from this, since the one
 * in use may be gone; a test compares it with the migrations.
 */

/** Creates the table without its secondary indexes, which are built faster once the rows are there. */
export async function createJobSummaryTable<T>(
  db: Kysely<T>,
  name: string,
  columns: readonly [string, Column<unknown>][] = jobSummaryColumns(),
): Promise<void> {
  const definitions = columns.map(([column, { type, nullable, default: byDefault }]) => {
    const constraint = column === 'job_id' ? 'primary key' : nullable ? '' : 'not null';
    return `${column} ${type} ${constraint} ${byDefault === undefined ? '' : `default ${byDefault}`}`;
  });
  const table = sql.table(name);
  await sql`create table ${table} (${sql.raw(definitions.join())}) partition by range (job_id)`.execute(db);
}

/** Creates the secondary indexes that do not exist yet. */
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
  await sql`
    create index if not exists ${index('open')} on ${table} (tenant_id, action, status, job_id)
    where status in ('queued', 'running')`.execute(db);
}
