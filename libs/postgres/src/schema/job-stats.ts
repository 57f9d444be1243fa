import type { EndedStatus } from '@errand/contracts';
import type { ColumnType } from 'kysely';

type Time = ColumnType<Date, string, string>;

/**
 * How many jobs of a tenant's action did something in a minute, by the times of their events. After a day an hour's minutes
 * are added up in its first one.
 */
export interface JobStatsTable {
  tenant_id: string;
  /** The beginning of the minute, or of the hour. */
  at: Time;
  action: string;
  /** `started`: their first attempt began. */
  fact: 'requested' | 'started' | EndedStatus;
  /**
   * A bin of durations. Of `started`: from when the attempt could begin until it did. Of endings: from the first attempt to
   * the end, or NEVER_STARTED.
   */
  bin: number;
  jobs: number;
}

/** The jobs of a tenant's action that failed with a code in a minute, and likewise in an hour. */
export interface JobFailuresTable {
  tenant_id: string;
  at: Time;
  action: string;
  code: string;
  jobs: number;
  first_seen: Time;
  last_seen: Time;
  /** The last of them. */
  sample_job_id: string;
}
