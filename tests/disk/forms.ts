/** How long a run of the disk test is, and how much it stores. */
export interface DiskForm {
  readonly name: string;
  /** How long a day of the rows in Postgres is, in milliseconds. All stores keep what they have for seven of them. */
  readonly dayMs: number;
  readonly retentions: number;
  readonly jobsPerSecond: number;
  /** The first and the last of the retentions whose mean is compared with that of the late ones; they count from 1. */
  readonly early: readonly [number, number];
  readonly late: readonly [number, number];
}

export const FULL: DiskForm = {
  name: 'full',
  dayMs: 2_500,
  retentions: 30,
  jobsPerSecond: 40,
  early: [5, 15],
  late: [21, 30],
};

export const SHORT: DiskForm = {
  name: 'short',
  dayMs: 300,
  retentions: 20,
  jobsPerSecond: 40,
  early: [5, 10],
  late: [15, 20],
};

export const RETENTION_DAYS = 7;
