import { type Kysely, sql } from 'kysely';
import { type Column, jobSummaryColumns } from './columns.ts';

type NamedColumn = readonly [string, Column<unknown>];

/*
 * job_summary as all migrations together leave it, under any name. A rebuild creates its table from this, since the one
 * in use may be gone; a test compares it with the migrations.
 */

/** Creates the table without its secondary indexes, which are built faster once the rows are there. */
export async function createJobSummaryTable<T>(
  db: Kysely<T>,
  name: string,
  columns: readonly NamedColumn[] = jobSummaryColumns(),
): Promise<void> {
  const definitions = columns.map(definitionOf).join();
  await sql`create table ${sql.table(name)} (${sql.raw(definitions)}) partition by range (job_id)`.execute(
    db,
  );
}

/**
 * Gives job_summary the columns that it lacks, and resolves with their names. A process of the version before makes the table
 * of a rebuild as it knows it, also after a migration, which is not made a second time. With no such table there is none.
 */
export async function addMissingColumns<T>(db: Kysely<T>): Promise<string[]> {
  const { rows } = await sql<{ name: string }>`
    select attname as name from pg_attribute
    where attrelid = to_regclass('job_summary') and attnum > 0 and not attisdropped`.execute(db);
  const there = new Set(rows.map(({ name }) => name));
  const missing = there.size === 0 ? [] : jobSummaryColumns().filter(([name]) => !there.has(name));
  if (missing.length === 0) return [];
  const added = missing.map((column) => `add column if not exists ${definitionOf(column)}`).join();
  await db.transaction().execute(async (trx) => {
    await sql`set local lock_timeout = '5s'`.execute(trx);
    await sql`alter table job_summary ${sql.raw(added)}`.execute(trx);
  });
  return missing.map(([name]) => name);
}

function definitionOf([column, { type, nullable, default: byDefault }]: NamedColumn): string {
  const constraint = column === 'job_id' ? 'primary key' : nullable ? '' : 'not null';
  return `${column} ${type} ${constraint} ${byDefault === undefined ? '' : `default ${byDefault}`}`;
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
