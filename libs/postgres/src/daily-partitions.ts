import { uuidV7Floor, uuidV7TimeMs } from '@errand/contracts';
import { sql } from 'kysely';
import type { Database, Db } from './connect.ts';

/*
 * Tables keyed by a UUIDv7 are split by the day inside the id, so that retention is a DROP TABLE and no row is
 * ever deleted. A partition is called <table>_<yyyymmdd>, the day in UTC.
 */

const DAY_MS = 86_400_000;

/** Keeps track of which partitions exist, and makes and drops them. */
export interface DailyPartitions {
  /** Makes sure that rows with these ids have a partition. Costs nothing for days seen before. */
  ensureFor(ids: Iterable<string>): Promise<void>;
  /** The same within the caller's transaction, which holds the lock of `lockPartitions`. */
  ensureWithin(trx: Db, ids: Iterable<string>): Promise<void>;
  /** Forgets all known partitions: the table has been replaced, or an answer of Postgres says so. */
  forget(): void;
  /** Drops every partition whose last moment is before the given time; resolves with their names. */
  dropBefore(timeMs: number): Promise<string[]>;
}

export function createDailyPartitions(db: Db, table: keyof Database): DailyPartitions {
  const existing = new Set<number>();

  async function create(trx: Db, day: number): Promise<void> {
    const name = sql.table(
      `${table}_${new Date(day * DAY_MS).toISOString().slice(0, 10).replaceAll('-', '')}`,
    );
    const from = sql.lit(uuidV7Floor(day * DAY_MS));
    const to = sql.lit(uuidV7Floor((day + 1) * DAY_MS));
    await sql`create table if not exists ${name} partition of ${sql.table(table)}
      for values from (${from}) to (${to})`.execute(trx);
  }

  return {
    async ensureFor(ids) {
      for (const day of daysOf(ids)) {
        if (existing.has(day)) continue;
        await inLock(db, (trx) => create(trx, day));
        existing.add(day);
      }
    },
    async ensureWithin(trx, ids) {
      for (const day of daysOf(ids)) if (!existing.has(day)) await create(trx, day);
    },
    forget: () => existing.clear(),
    async dropBefore(timeMs) {
      const { rows } = await sql<{ name: string }>`
        select child.relname as name from pg_inherits
        join pg_class child on child.oid = inhrelid
        where inhparent = ${table}::regclass`.execute(db);
      const expired = rows.filter(({ name }) => endOfDayMs(name) <= timeMs);
      for (const { name } of expired) {
        existing.delete(endOfDayMs(name) / DAY_MS - 1);
        await inLock(db, async (trx) => {
          await sql`drop table if exists ${sql.table(name)}`.execute(trx);
        });
      }
      return expired.map(({ name }) => name);
    },
  };
}

function daysOf(ids: Iterable<string>): Set<number> {
  const days = new Set<number>();
  for (const id of ids) days.add(Math.floor(uuidV7TimeMs(id) / DAY_MS));
  return days;
}

/** The first moment after the day in a partition's name; infinite for other tables. */
function endOfDayMs(name: string): number {
  const [, year, month, day] = /_(\d{4})(\d{2})(\d{2})$/.exec(name) ?? [];
  const start = Date.parse(`${year}-${month}-${day}T00:00:00Z`);
  return Number.isNaN(start) ? Number.POSITIVE_INFINITY : start + DAY_MS;
}

/** Partition changes lock the whole table: one at a time, and never waiting long in front of readers. */
async function inLock(db: Db, change: (trx: Db) => Promise<void>): Promise<void> {
  await db.transaction().execute(async (trx) => {
    await sql`set local lock_timeout = '5s'`.execute(trx);
    await lockPartitions(trx);
    await change(trx);
  });
}

/** Nobody else makes or drops partitions until the transaction ends. */
export async function lockPartitions(trx: Db): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtext('errand_partitions'))`.execute(trx);
}
