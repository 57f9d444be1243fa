import { type RawBuilder, sql } from 'kysely';
import type { Db } from './connect.ts';

/** Where a reader of the log stands, and whether this process is the one that reads. */
export interface LogReaderPosition {
  readonly leaseMs: number;
  begin(version: number): Promise<void>;
  /** Undefined while another process holds the position. */
  hold(): Promise<number | undefined>;
  release(): Promise<void>;
  /**
   * Moves the position from one version to another, and holds it further on. In a transaction, what else it writes
   * counts only then; false if the position is elsewhere or held by another process.
   */
  move(db: Db, step: { from: number; to: number }): Promise<boolean>;
  /** The same as a statement that returns a row, or none. */
  moving(step: { from: number; to: number }): RawBuilder<unknown>;
}

/** A process that is killed is followed by another one after this time. */
const LEASE_MS = 5_000;

/** `holder` names the process, as no other one. */
export function openLogPosition(
  db: Db,
  { reader, holder, leaseMs = LEASE_MS }: { reader: string; holder: string; leaseMs?: number },
): LogReaderPosition {
  const until = sql`clock_timestamp() + ${leaseMs} * interval '1 millisecond'`;
  const moving = ({ from, to }: { from: number; to: number }) => sql`
    update log_position set version = ${to}, held_until = ${until}
    where reader = ${reader} and holder = ${holder} and version = ${from}
    returning version`;
  return {
    leaseMs,
    moving,
    async begin(version) {
      await sql`
        insert into log_position (reader, version) values (${reader}, ${version})
        on conflict do nothing`.execute(db);
    },
    async hold() {
      const { rows } = await sql<{ version: number }>`
        update log_position set holder = ${holder}, held_until = ${until}
        where reader = ${reader} and (holder = ${holder} or holder is null or held_until < clock_timestamp())
        returning version`.execute(db);
      return rows[0]?.version;
    },
    async release() {
      await sql`
        update log_position set holder = null, held_until = null
        where reader = ${reader} and holder = ${holder}`.execute(db);
    },
    async move(trx, step) {
      return (await moving(step).execute(trx)).rows.length > 0;
    },
  };
}

/** How far a reader has come: everything up to there is in its tables. Undefined for one that never ran. */
export async function readLogPosition(db: Db, reader: string): Promise<number | undefined> {
  const row = await db
    .selectFrom('log_position')
    .select('version')
    .where('reader', '=', reader)
    .executeTakeFirst();
  return row?.version;
}
