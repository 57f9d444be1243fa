import type { EndedJob } from './job.ts';

/** One wrong input. `pointer` leads into the body (`#/arrays/0/tilt_deg`); `parameter` names a query or path parameter. */
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
 * A call that was refused, or that got no answer. `code` is the server's own for each of its answers (`invalid_input`,
 * `unknown_job`, …). Others are made here:
 *
 * | code | what happened | retryable |
 * |---|---|---|
 * | `network_error` | no connection, or it broke; `cause` says why | yes |
 * | `timeout` | no answer in time | yes |
 * | `stream_cut` | a stream of events ended too often without saying anything | yes |
 * | `broken_download` | a result ended early or is not what its SHA-256 says | yes |
 * | `wait_timeout` | the job has not ended within `timeoutMs`; it goes on | yes |
 * | `result_not_inline` | `unwrap` of a result that its summary only links; `output` gets it | no |
 * | `unexpected_redirect` | the server sends callers elsewhere, which this client never follows | no |
 * | `invalid_response` | an answer that is not what was due, such as a page of a proxy | no |
 * | `http_<status>` | an error answer that is none of Errand's, as of a proxy | 408, 429, 502, 503, 504 |
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
  /** By which the server's log finds the request. */
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

/** Thrown by `unwrap`, `output` and `call` for a job that ended in another way than by succeeding; `job` is its summary. */
export class JobFailedError extends Error {
  override name = 'JobFailedError';
  readonly code = 'job_failed';
  readonly retryable = false;
  readonly job: EndedJob;

  constructor(job: EndedJob) {
    const [fault] = job.errors;
    const reason = fault ? `: ${fault.code}: ${fault.message}` : '';
    super(`job ${job.job_id} is ${job.status}${reason}`);
    this.job = job;
  }
}
