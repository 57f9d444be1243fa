import { uuidV7Floor, uuidV7TimeMs } from '@errand/contracts';
import { sql } from 'kysely';
import type { Database, Db } from './connect.ts';

/*
 * Tables keyed by a UUIDv7 are split by the day inside the id, so that retention is a DROP TABLE and no row is
 * ever deleted. A partition is called <table>_<yyyymmdd>, the day in UTC, or by its first millisecond where days are
 * of another length.
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

/** `dayMs` is how long a day is: shorter ones are for tests of what many days leave behind. */
export function createDailyPartitions(db: Db, table: keyof Database, dayMs = DAY_MS): DailyPartitions {
  const existing = new Set<number>();

  async function create(trx: Db, day: number): Promise<void> {
    const digits = new Date(day * dayMs).toISOString().replaceAll(/\D/g, '');
    const name = sql.table(`${table}_${dayMs === DAY_MS ? digits.slice(0, 8) : digits}`);
    const from = sql.lit(uuidV7Floor(day * dayMs));
    const to = sql.lit(uuidV7Floor((day + 1) * dayMs));
    await sql`create table if not exists ${name} partition of ${sql.table(table)}
      for values from (${from}) to (${to})`.execute(trx);
  }

  return {
    async ensureFor(ids) {
      for (const day of daysOf(ids, dayMs)) {
        if (existing.has(day)) continue;
        await inLock(db, (trx) => create(trx, day));
        existing.add(day);
      }
    },
    async ensureWithin(trx, ids) {
      for (const day of daysOf(ids, dayMs)) if (!existing.has(day)) await create(trx, day);
    },
    forget: () => existing.clear(),
    async dropBefore(timeMs) {
      const { rows } = await sql<{ name: string }>`
        select child.relname as name from pg_inherits
        join pg_class child on child.oid = inhrelid
        where inhparent = ${table}::regclass`.execute(db);
      const expired = rows.filter(({ name }) => startOfDayMs(name) + dayMs <= timeMs);
      for (const { name } of expired) {
        existing.delete(startOfDayMs(name) / dayMs);
        await inLock(db, async (trx) => {
          await sql`drop table if exists ${sql.table(name)}`.execute(trx);
        });
      }
      return expired.map(({ name }) => name);
    },
  };
}

function daysOf(ids: Iterable<string>, dayMs: number): Set<number> {
  const days = new Set<number>();
  for (const id of ids) days.add(Math.floor(uuidV7TimeMs(id) / dayMs));
  return days;
}

/** The first moment of the day in a partition's name; infinite for other tables. */
function startOfDayMs(name: string): number {
  const [, date, time = '000000000'] = /_(\d{8})(\d{9})?$/.exec(name) ?? [];
  const digits = `${date}${time}`.replace(/^(....)(..)(..)(..)(..)(..)/, '$1-$2-$3T$4:$5:$6.');
  const start = Date.parse(`${digits}Z`);
  return Number.isNaN(start) ? Number.POSITIVE_INFINITY : start;
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
