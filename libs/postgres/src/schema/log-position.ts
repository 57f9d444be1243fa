import type { ColumnType } from 'kysely';

/** One row for each reader of the log. */
export interface LogPositionTable {
  reader: string;
  /** All that follows from the events up to this version is in the reader's tables. */
  version: number;
  /** The process that reads. */
  holder: string | null;
  /** Until then no other one does, by the database's clock. */
  held_until: ColumnType<Date | null, string | null, string | null>;
}
