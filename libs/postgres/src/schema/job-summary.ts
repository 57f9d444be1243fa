import type { JobFault, JobStatus } from '@errand/contracts';
import type { ColumnType } from 'kysely';

type Timestamp = ColumnType<Date | null, string | null, string | null>;
/** `json`, not `jsonb`: what a caller reads from the row has the key order that the log has. */
type Json<T> = ColumnType<T, string | null, string | null>;

/**
 * One row a job, written by the projection alone. The columns are the registers of a job's state: each group has
 * the version of the event that set it, 0 for none, and only a higher version may set it again.
 */
export interface JobSummaryTable {
  job_id: string;
  tenant_id: string;
  action: string;
  version: number;
  updated_at: ColumnType<Date, string, string>;

  request_version: number;
  /** When the job was requested. Null while only later events have been seen. */
  created_at: Timestamp;
  /** JobRequested's data without the input. */
  request: Json<Record<string, unknown> | null>;

  phase_version: number;
  status: JobStatus | null;
  next_at: Timestamp;
  finished_at: Timestamp;

  attempt_version: number;
  attempt_number: number;
  started_at: Timestamp;
  executor_id: string | null;

  progress_version: number;
  progress: Json<{ percent: number; message: string | null; updatedAt: string } | null>;

  outcome_version: number;
  result: Json<unknown>;
  errors: Json<JobFault[]>;

  cancel_version: number;
  /** Who asked for the job to be canceled. */
  cancel_requested_by: string | null;
}
