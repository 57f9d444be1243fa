import { sql } from 'kysely';
import type { Db } from './connect.ts';

/** Postgres' time, for what several processes write for each other, since their own clocks differ. */
export interface DatabaseClock {
  /** Unix milliseconds: this machine's clock plus its difference to Postgres' at the last `sync`. */
  now(): number;
  /** Compares the clocks. Rejects when Postgres does not answer; `now` then continues as before. */
  sync(): Promise<void>;
}

/** `machine` is this machine's clock, which counts until the first `sync`. */
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
