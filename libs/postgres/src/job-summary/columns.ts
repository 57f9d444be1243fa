import type { JobFault, JobStatus } from '@errand/contracts';
import type { ColumnType } from 'kysely';

/*
 * The columns of job_summary, for the table of a rebuild, for the statements that write rows and for the types that
 * read them. The order is the table's: a new column comes last, as `alter table` puts it.
 *
 * Each group of columns is a register of a job's state: it has the version of the event that set it, 0 for none, and
 * only a higher version may set it again.
 */

type Type = 'uuid' | 'text' | 'int' | 'bigint' | 'timestamptz' | 'json';

export interface Column<Value> {
  readonly type: Type;
  readonly nullable: boolean;
  /** The column that holds the version of the event that set this one. Absent for what never changes, and for versions. */
  readonly setBy?: string;
  /**
   * The default of a column that a migration added and that is never null, as SQL. A process of the version before
   * inserts rows without the column, also once a rebuild's table is in use. Declare it as
   * `{ ...column<number>('bigint'), default: '0' }`.
   */
  readonly default?: string;
  /** The earliest value that was ever written stays, in whatever order values come. */
  readonly earliest?: true;
  /** What kysely reads and writes; a type only. */
  readonly value?: Value;
}

type Time = ColumnType<Date, string, string>;
type NullableTime = ColumnType<Date | null, string | null, string | null>;
/** `json`, not `jsonb`: what a caller reads from the row has the key order that the log has. */
type Json<T> = ColumnType<T, string | null, string | null>;
type Progress = { percent: number; message: string | null; updatedAt: string };

function column<Value>(type: Type, setBy?: string): Column<Value> {
  return { type, nullable: false, ...(setBy && { setBy }) };
}

function nullable<Value>(type: Type, setBy: string): Column<Value> {
  return { type, nullable: true, setBy };
}

function earliest<Value>(type: Type): Column<Value> {
  return { type, nullable: true, earliest: true };
}

const JOB_SUMMARY_COLUMNS = {
  job_id: column<string>('uuid'),
  tenant_id: column<string>('text'),
  action: column<string>('text'),
  version: column<number>('bigint'),
  updated_at: column<Time>('timestamptz', 'version'),
  request_version: column<number>('bigint'),
  /** When the job was requested. Null while only later events have been seen. */
  created_at: nullable<NullableTime>('timestamptz', 'request_version'),
  /** JobRequested's data without the input. */
  request: nullable<Json<Record<string, unknown> | null>>('json', 'request_version'),
  phase_version: column<number>('bigint'),
  status: nullable<JobStatus | null>('text', 'phase_version'),
  next_at: nullable<NullableTime>('timestamptz', 'phase_version'),
  finished_at: nullable<NullableTime>('timestamptz', 'phase_version'),
  attempt_version: column<number>('bigint'),
  attempt_number: column<number>('int', 'attempt_version'),
  started_at: nullable<NullableTime>('timestamptz', 'attempt_version'),
  executor_id: nullable<string | null>('text', 'attempt_version'),
  progress_version: column<number>('bigint'),
  progress: nullable<Json<Progress | null>>('json', 'progress_version'),
  outcome_version: column<number>('bigint'),
  result: nullable<Json<unknown>>('json', 'outcome_version'),
  errors: column<Json<JobFault[]>>('json', 'outcome_version'),
  cancel_version: column<number>('bigint'),
  /** Who asked for the job to be canceled. */
  cancel_requested_by: nullable<string | null>('text', 'cancel_version'),
  /** From when on an attempt could begin: the request, or its `start_after`. */
  ready_at: nullable<NullableTime>('timestamptz', 'request_version'),
  /** When the first attempt began. Only who reads all of a job's events knows it. */
  first_started_at: earliest<NullableTime>('timestamptz'),
  /** The code of the first of `errors`. */
  error_code: nullable<string | null>('text', 'outcome_version'),
  /** What a deferred attempt waits for, if it is not looked at again and again. */
  waits_for: nullable<string | null>('text', 'phase_version'),
};

type Columns = typeof JOB_SUMMARY_COLUMNS;
export type JobSummaryColumn = keyof Columns;

/** One row a job, written by the projection alone. */
export type JobSummaryTable = {
  [Name in JobSummaryColumn]: Columns[Name] extends Column<infer Value> ? Value : never;
};

export const JOB_SUMMARY_COLUMN_NAMES = Object.keys(JOB_SUMMARY_COLUMNS) as JobSummaryColumn[];

/** Each column of the table with what is known of it. */
export function jobSummaryColumns(): [JobSummaryColumn, Column<unknown>][] {
  return JOB_SUMMARY_COLUMN_NAMES.map((name) => [name, JOB_SUMMARY_COLUMNS[name]]);
}
