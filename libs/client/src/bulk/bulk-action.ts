import type { JobStatus } from '../jobs/job.ts';

/* Many jobs at once, under the API's own names. */

export type BulkKind = 'cancel' | 'retry' | 'redeliver';

export interface BulkFailure {
  readonly job_id: string;
  readonly code: string;
  readonly detail: string;
}

export interface BulkAction {
  readonly bulk_id: string;
  readonly action: BulkKind;
  readonly filter: {
    readonly status?: readonly JobStatus[];
    readonly action?: readonly string[];
    readonly source?: readonly string[];
    readonly metadata?: Readonly<Record<string, string>>;
    readonly created_after?: string;
    readonly created_before?: string;
    readonly job_ids?: readonly string[];
  };
  readonly state: 'running' | 'aborted' | 'done';
  readonly counts: {
    /** When it was started; once it is done, how many jobs had their turn. */
    readonly matched: number;
    readonly done: number;
    readonly skipped: number;
    readonly failed: number;
  };
  /** How many were skipped for which reason. */
  readonly skipped_because: Readonly<Record<string, number>>;
  /** The first 20. */
  readonly failures: readonly BulkFailure[];
  readonly created_by: string;
  readonly created_at: string;
  readonly started_at: string | null;
  readonly ended_at: string | null;
  readonly links: { readonly bulk_action: string; readonly abort: string; readonly resume: string };
}
