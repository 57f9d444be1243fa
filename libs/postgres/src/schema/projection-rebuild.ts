import type { ColumnType } from 'kysely';

export type RebuildState = 'reading' | 'indexing' | 'catching_up' | 'done' | 'canceled';

/** One row for each table of the projection that was ever rebuilt: its latest rebuild. */
export interface ProjectionRebuildTable {
  projection: 'job_summary';
  /** Tells one rebuild from the next. */
  rebuild_id: string;
  state: RebuildState;
  /** Position in the audit log up to which the new table is complete. */
  position: number;
  /** Version up to which the new table is complete. */
  version: number;
  events: number;
  /** Events that could not be read or that Postgres refuses. */
  skipped: number;
  /** Events still to be read when the last page was. */
  remaining: number;
  started_at: ColumnType<Date, string, string>;
  ended_at: ColumnType<Date | null, string | null, string | null>;
  events_per_s: number | null;
  /** Why it makes no progress at present. */
  error: string | null;
}
