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
 * The table that a rebuild makes, beside the one in use, and how it takes its place. It is never vacuumed or read by
 * anyone else until then.
 */

const NEW = 'job_summary_rebuild';
const IN_USE = 'job_summary';

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
    await sql`drop table if exists ${sql.table(NEW)}`.execute(trx);
  });
}

export async function indexNewTable(db: Db): Promise<void> {
  await createJobSummaryIndexes(db, NEW);
  await sql`analyze ${sql.table(NEW)}`.execute(db);
}

/**
 * From its return to the end of the transaction nobody writes to the table in use, and nobody's partitions change.
 * Readers go on. With no table in use there is no writer either.
 */
export async function lockOutWriters(trx: Db): Promise<void> {
  await sql`set local lock_timeout = ${sql.lit(WRITERS_WAIT)}`.execute(trx);
  await lockPartitions(trx);
  if (await exists(trx, IN_USE)) {
    await sql`lock table ${sql.table(IN_USE)} in share row exclusive mode`.execute(trx);
  }
}

/** Puts the new table in the place of the one in use, with all its names, as soon as the transaction commits. */
export async function swapTables(trx: Db): Promise<void> {
  await sql`set local lock_timeout = ${sql.lit(READERS_WAIT)}`.execute(trx);
  await sql`drop table if exists ${sql.table(IN_USE)}`.execute(trx);
  // Names of partitions and of indexes begin with that of their table. The constraint of a key follows its index.
  const { rows } = await sql<{ name: string; kind: string }>`
    select relname as name, relkind as kind from pg_class
    where relnamespace = (select relnamespace from pg_class where oid = ${NEW}::regclass)
    and starts_with(relname, ${NEW})`.execute(trx);
  for (const { name, kind } of rows) {
    const what = sql.raw(kind === 'i' || kind === 'I' ? 'index' : 'table');
    const renamed = sql.id(IN_USE + name.slice(NEW.length));
    await sql`alter ${what} ${sql.id(name)} rename to ${renamed}`.execute(trx);
  }
}

async function exists(db: Db, table: string): Promise<boolean> {
  const { rows } = await sql<{ found: boolean }>`select to_regclass(${table}) is not null as found`.execute(
    db,
  );
  return rows[0]?.found ?? false;
}
