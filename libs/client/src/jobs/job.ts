import { JobFailedError, UsageError } from '../errors.ts';

/*
 * What the API says of a job, in its own words. A later server may say more.
 */

/** Carries the type of a job's result along with its id; no such member exists at run time. */
declare const resultType: unique symbol;

interface Result<R> {
  readonly [resultType]?: R;
}

/** A job by its id, or by anything that a call has answered about it, which then carries the type of its result. */
export type JobRef<R = unknown> = string | (Result<R> & { readonly job_id: string });

interface JobLinks {
  readonly status: string;
  readonly job: string;
  readonly events: string;
  readonly cancel: string;
}

/** The log holds the job. */
export interface AcceptedJob<R = unknown> extends Result<R> {
  readonly job_id: string;
  readonly status: 'queued';
  readonly version: number;
  readonly action: string;
  readonly created_at: string;
  readonly links: JobLinks;
}

/** Why a job did not succeed. */
export interface JobFault {
  readonly code: string;
  readonly message: string;
  readonly details?: readonly unknown[];
}

/** A file, or JSON that is too large for a summary: what `result` downloads. */
export interface ResultLink {
  readonly url: string;
  readonly bytes: number;
  /** In lower-case hex. */
  readonly sha256: string;
  readonly content_type: string;
  readonly filename: string | null;
  readonly expires_at: string;
}

interface Job<R> extends Result<R> {
  readonly job_id: string;
  readonly tenant_id: string;
  readonly action: string;
  readonly resource: Readonly<Record<string, string>>;
  /** Version of the job's newest event; it never goes backwards. */
  readonly version: number;
  readonly cancel_requested: boolean;
  readonly progress: {
    readonly percent: number;
    readonly message: string | null;
    readonly updated_at: string;
  } | null;
  /** `number` counts from 1 and is 0 before the first attempt. */
  readonly attempt: {
    readonly number: number;
    readonly max: number | null;
    readonly next_at: string | null;
    /** `callback`: the attempt waits, until `next_at`, for a call of the outside system that does its work. */
    readonly waits_for?: string;
  };
  /** Why a queued job waits, and how many of its tenant and action go before it. Only where one job is asked for. */
  readonly queue?: {
    readonly waits_for: 'time' | 'turn' | 'limit' | 'key' | 'pause' | 'executor';
    readonly jobs_before: number | null;
  };
  readonly errors: readonly JobFault[];
  readonly metadata: Readonly<Record<string, string>>;
  readonly source: string;
  readonly requested_by: string;
  readonly retry_of: string | null;
  /** The schedule whose tick asked for the job, and when that was due. */
  readonly schedule: { readonly schedule_id: string; readonly at: string } | null;
  readonly created_at: string;
  readonly started_at: string | null;
  readonly updated_at: string;
  readonly expires_at: string;
  readonly links: JobLinks;
}

interface ActiveJob<R = unknown> extends Job<R> {
  readonly status: 'queued' | 'running';
  readonly results: null;
  readonly results_link: null;
  readonly finished_at: null;
}

/** The job's result is in `results`, unless it has to be downloaded: then `results_link` is there. */
export type SucceededJob<R = unknown> = Job<R> & {
  readonly status: 'succeeded';
  readonly finished_at: string;
} & (
    | { readonly results: R; readonly results_link: null }
    | { readonly results: null; readonly results_link: ResultLink }
  );

export interface FailedJob<R = unknown> extends Job<R> {
  readonly status: 'failed' | 'canceled' | 'expired';
  readonly results: null;
  readonly results_link: null;
  readonly finished_at: string;
}

export type EndedJob<R = unknown> = SucceededJob<R> | FailedJob<R>;
export type JobSummary<R = unknown> = ActiveJob<R> | EndedJob<R>;
export type JobStatus = JobSummary['status'];

export function isEnded<R>(job: JobSummary<R>): job is EndedJob<R> {
  return job.status !== 'queued' && job.status !== 'running';
}

/** Whether the result is JSON that has to be downloaded. The result of an action that makes files is the link itself. */
export function isLargeJson({ results_link: link }: SucceededJob): boolean {
  return link?.content_type === 'application/json' && link.filename === null;
}

/**
 * The job's result, as its summary has it; the link of a file for an action that makes files.
 * @throws JobFailedError if it did not succeed; UsageError `result_not_inline` for JSON that has to be downloaded
 */
export function unwrap<R>(job: EndedJob<R>): R {
  if (job.status !== 'succeeded') throw new JobFailedError(job);
  if (!isLargeJson(job)) return (job.results_link ?? job.results) as R;
  const detail = `the result of job ${job.job_id} is too large for its summary: use errand.output(job)`;
  throw new UsageError(detail, { code: 'result_not_inline' });
}

/** @throws UsageError for anything that is not a job */
export function idOf(job: JobRef): string {
  const id = typeof job === 'string' ? job : job?.job_id;
  if (typeof id !== 'string') throw new UsageError('a job must be an id or an object with a job_id');
  return id;
}
