import type { EndedJob } from './jobs/job.ts';

/**
 * One wrong input. `pointer` points into the body (`#/arrays/0/tilt_deg`); `parameter` names a query or path parameter.
 */
export interface InputError {
  readonly pointer?: string;
  readonly parameter?: string;
  readonly code: string;
  readonly detail: string;
}

interface ErrandErrorDetails {
  readonly detail: string;
  readonly status?: number | undefined;
  readonly errors?: readonly InputError[] | undefined;
  readonly retryable?: boolean;
  readonly retryAfterMs?: number | undefined;
  readonly requestId?: string | undefined;
  readonly cause?: unknown;
}

/**
 * The base of every error of this package, with one subclass per kind. `code` is the server's own for each of its
 * answers (`invalid_input`, `unknown_job`, …). The others are defined here:
 *
 * | class | code | what happened | retryable |
 * |---|---|---|---|
 * | `ApiError` | the server's | the server refused the call | as `retryable` says |
 * | | `http_<status>` | an error answer that is not Errand's, such as a proxy's | 408, 429, 502, 503, 504 |
 * | `UsageError` | `usage_error` | the caller gave what cannot be sent: nothing was sent | no |
 * | | `result_not_inline` | `unwrap` of JSON that has to be downloaded; `output` gets it | no |
 * | `ConnectionError` | `network_error` | no connection, or it broke; `cause` says why | yes |
 * | | `timeout` | no answer in time | yes |
 * | | `stream_cut` | a stream of events ended too often without saying anything | yes |
 * | | `broken_download` | a result ended early or is not what its SHA-256 says | yes |
 * | `ResponseError` | `invalid_response` | an unexpected answer, such as a page of a proxy | no |
 * | | `unexpected_redirect` | the server sends callers elsewhere, which this client never follows | no |
 * | `WaitTimeoutError` | `wait_timeout` | the job has not ended within `timeoutMs`; it continues | yes |
 * | `JobFailedError` | `job_failed` | the job ended in another way than by succeeding | no |
 */
export class ErrandError extends Error {
  override name = 'ErrandError';
  readonly code: string;
  /** HTTP status; undefined where there was no answer. */
  readonly status: number | undefined;
  readonly detail: string;
  /** Each wrong input; empty for other errors. */
  readonly errors: readonly InputError[];
  /** Whether the same call may succeed later. */
  readonly retryable: boolean;
  /** How long the server wants to be left alone. */
  readonly retryAfterMs: number | undefined;
  /** Identifies the request in the server's log. */
  readonly requestId: string | undefined;

  constructor(code: string, details: ErrandErrorDetails) {
    const { detail, cause } = details;
    super(`${code}: ${detail}`, cause === undefined ? undefined : { cause });
    this.code = code;
    this.detail = detail;
    this.status = details.status;
    this.errors = details.errors ?? [];
    this.retryable = details.retryable ?? false;
    this.retryAfterMs = details.retryAfterMs;
    this.requestId = details.requestId;
  }
}

/** The server refused the call. */
export class ApiError extends ErrandError {
  override name = 'ApiError';
}

/** The caller gave something that cannot be sent; the server has not seen it. */
export class UsageError extends ErrandError {
  override name = 'UsageError';

  constructor(detail: string, { code = 'usage_error', cause }: { code?: string; cause?: unknown } = {}) {
    super(code, { detail, cause });
  }
}

/** There was no answer, or it broke off. The same call may succeed later. */
export class ConnectionError extends ErrandError {
  override name = 'ConnectionError';

  constructor(
    code: 'network_error' | 'timeout' | 'stream_cut' | 'broken_download',
    { detail, cause }: { detail: string; cause?: unknown },
  ) {
    super(code, { detail, cause, retryable: true });
  }
}

/** There was an answer, but not a valid one. */
export class ResponseError extends ErrandError {
  override name = 'ResponseError';
}

/** The job has not ended in time; it continues. */
export class WaitTimeoutError extends ErrandError {
  override name = 'WaitTimeoutError';

  constructor(detail: string, cause?: unknown) {
    super('wait_timeout', { detail, cause, retryable: true });
  }
}

/** Thrown by `unwrap`, `output` and `call` for a job that ended without succeeding; `job` is its summary. */
export class JobFailedError extends ErrandError {
  override name = 'JobFailedError';
  readonly job: EndedJob;

  constructor(job: EndedJob) {
    const [fault] = job.errors;
    const reason = fault ? `: ${fault.code}: ${fault.message}` : '';
    super('job_failed', { detail: `job ${job.job_id} is ${job.status}${reason}` });
    this.job = job;
  }
}
