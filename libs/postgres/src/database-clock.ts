import { sql } from 'kysely';
import type { Db } from './connect.ts';

/** Postgres' time, for what several processes write for one another: their own clocks differ. */
export interface DatabaseClock {
  /** Unix milliseconds, as far from Postgres' as this machine's clock has run since the last `sync`. */
  now(): number;
  /** Compares the clocks. Rejects when Postgres does not answer: then it goes on as before. */
  sync(): Promise<void>;
}

/** `machine` is the clock of this machine; before the first `sync` it is the one that counts. */
export function createDatabaseClock(db: Db, machine: () => number = Date.now): DatabaseClock {
  let aheadMs = 0;
  return {
    now: () => machine() + aheadMs,
    async sync() {
      const askedMs = machine();
      const { rows } = await sql<{ ms: number }>`
        select extract(epoch from clock_timestamp())::float8 * 1000 as ms`.execute(db);
      const halfwayMs = (askedMs + machine()) / 2;
      aheadMs = Math.round((rows[0]?.ms ?? halfwayMs) - halfwayMs);
    },
  };
}
