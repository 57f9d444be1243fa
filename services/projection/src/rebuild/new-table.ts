import { isDeepStrictEqual } from 'node:util';
import {
  createJobSummaryIndexes,
  createJobSummaryTable,
  type Db,
  JOB_SUMMARY_COLUMN_NAMES,
  lockPartitions,
} from '@errand/postgres';
import { sql } from 'kysely';

/*
 * The tables that a rebuild makes, beside those in use, and how they take their place: the one of jobs, and once it is filled
 * those of what they count as. They are never vacuumed or read by anyone else until then.
 */

const NEW = 'job_summary_rebuild';
const IN_USE = ['job_summary', 'job_stats', 'job_failures'] as const;
const newOf = (table: (typeof IN_USE)[number]) => `${table}_rebuild`;

/** How long readers may queue at the swap, while it waits for the last one before them. */
const READERS_WAIT = '300ms';
const WRITERS_WAIT = '5s';

export async function newTableExists(db: Db): Promise<boolean> {
  return exists(db, NEW);
}

/** Whether a rebuild that was begun can be carried on: its table is there and has the columns that this program writes. */
export async function canCarryOn(db: Db): Promise<boolean> {
  const { rows } = await sql<{ column: string }>`
    select attname as column from pg_attribute
    where attrelid = to_regclass(${NEW}) and attnum > 0 and not attisdropped order by attnum`.execute(db);
  return isDeepStrictEqual(
    rows.map(({ column }) => column),
    JOB_SUMMARY_COLUMN_NAMES,
  );
}

export async function createNewTable(db: Db): Promise<void> {
  await dropNewTable(db);
  await createJobSummaryTable(db, NEW);
}

export async function dropNewTable(db: Db): Promise<void> {
  await db.transaction().execute(async (trx) => {
    await lockPartitions(trx);
    for (const table of IN_USE) await sql`drop table if exists ${sql.table(newOf(table))}`.execute(trx);
  });
}

export async function indexNewTable(db: Db): Promise<void> {
  await createJobSummaryIndexes(db, NEW);
  await sql`analyze ${sql.table(NEW)}`.execute(db);
}

/**
 * From its return to the end of the transaction nobody writes to the tables in use, and nobody's partitions change.
 * Readers go on. With no table of jobs in use there is no writer either.
 */
export async function lockOutWriters(trx: Db): Promise<void> {
  await sql`set local lock_timeout = ${sql.lit(WRITERS_WAIT)}`.execute(trx);
  await lockPartitions(trx);
  for (const table of IN_USE) {
    if (await exists(trx, table)) {
      await sql`lock table ${sql.table(table)} in share row exclusive mode`.execute(trx);
    }
  }
}

/** Puts the new tables in the place of those in use, with all their names, as soon as the transaction commits. */
export async function swapTables(trx: Db): Promise<void> {
  await sql`set local lock_timeout = ${sql.lit(READERS_WAIT)}`.execute(trx);
  for (const table of IN_USE) await sql`drop table if exists ${sql.table(table)}`.execute(trx);
  for (const table of IN_USE) await rename(trx, newOf(table), table);
}

async function rename(trx: Db, from: string, to: string): Promise<void> {
  // Names of partitions and of indexes begin with that of their table. The constraint of a key follows its index.
  const { rows } = await sql<{ name: string; kind: string }>`
    select relname as name, relkind as kind from pg_class
    where relnamespace = (select relnamespace from pg_class where oid = ${from}::regclass)
    and starts_with(relname, ${from})`.execute(trx);
  for (const { name, kind } of rows) {
    const what = sql.raw(kind === 'i' || kind === 'I' ? 'index' : 'table');
    const renamed = sql.id(to + name.slice(from.length));
    await sql`alter ${what} ${sql.id(name)} rename to ${renamed}`.execute(trx);
  }
}

async function exists(db: Db, table: string): Promise<boolean> {
  const { rows } = await sql<{ found: boolean }>`select to_regclass(${table}) is not null as found`.execute(
    db,
  );
  return rows[0]?.found ?? false;
}
