import { type Bulk, createBulk } from './bulk/bulk.ts';
import { UsageError } from './errors.ts';
import { checkObject, checkOptions, type Members } from './http/check-options.ts';
import { mergeHeaders } from './http/compose-request.ts';
import type { Pages } from './http/pages.ts';
import { encodeWord, path } from './http/path.ts';
import { type RetryOptions, retryPolicyOf } from './http/retry.ts';
import { createTransport, type Transport } from './http/transport.ts';
import {
  type ActionContract,
  type ActionMap,
  type ActionTypes,
  type AnyActions,
  getAction,
  listActions,
} from './jobs/actions.ts';
import { type CancelOptions, type CancelOutcome, cancelJob } from './jobs/cancel.ts';
import { type Feed, type FeedOptions, openFeed } from './jobs/feed.ts';
import type { AcceptedJob, EndedJob, JobRef, JobSummary } from './jobs/job.ts';
import { idOf } from './jobs/job.ts';
import { type EventsOptions, jobEvents, type KnownJobEvent } from './jobs/job-events.ts';
import {
  type FollowLogsOptions,
  followJobLogs,
  type JobLogEntry,
  jobLogs,
  type LogsOptions,
} from './jobs/job-logs.ts';
import { type JobFilter, listJobs } from './jobs/list-jobs.ts';
import { outputOf } from './jobs/output.ts';
import { createResourcePaths } from './jobs/resource-paths.ts';
import { download, type ResultDownload } from './jobs/result.ts';
import {
  BATCH,
  type BatchArguments,
  type BatchItem,
  type BatchOutcome,
  CALL,
  type CallArguments,
  type CallOptions,
  RETRY_JOB,
  type RetryJobOptions,
  RUN,
  type RunArguments,
  runAction,
  runBatch,
  sendHeaders,
  VALIDATE,
  type ValidateArguments,
  type Validation,
  validateInput,
} from './jobs/run.ts';
import { type JobStats, readStats, type StatsOptions } from './jobs/stats.ts';
import { WAIT, type WaitOptions, waitForJob } from './jobs/wait.ts';
import { createKeys, type Keys } from './keys.ts';
import { createPortal, type Portal } from './portal.ts';
import { createSchedules, type Schedules } from './schedules/schedules.ts';
import { type ChildToken, createToken, TOKEN, type TokenOptions } from './tokens.ts';
import { createWebhooks, type Webhooks } from './webhooks/webhooks.ts';

export interface ErrandOptions {
  /** Where the gateway is, such as `https://errand.example.com`; it may have a path. */
  readonly url: string;
  readonly tenant: string;
  /** A key of the tenant. */
  readonly apiKey: string;
  /** Default: the global one. */
  readonly fetch?: typeof fetch | undefined;
  /** Headers of each request. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** For one attempt at a call, in addition to what the server waits on purpose. Default 30,000. */
  readonly timeoutMs?: number | undefined;
  /** Silence after which a stream counts as broken; longer than the server's heartbeat of 15 s. Default 60,000. */
  readonly streamIdleMs?: number | undefined;
  /**
   * Calls are retried that failed without an answer, with 408, 429, 502, 503 or 504, or because their key is in flight,
   * if a repeat is harmless: reads, calls with an Idempotency-Key, and calls that set something to a value.
   */
  readonly retry?: RetryOptions | undefined;
}

/** One tenant's calls. All reject with a subclass of ErrandError, or with the reason of the signal that ended them. */
export interface Errand<A extends ActionMap<A> = AnyActions> {
  /** Requests a job; resolves once the log holds it. Needs no second call if the outcome of the first is uncertain. */
  run<N extends keyof A & string>(
    action: N,
    input: A[N]['input'],
    ...options: RunArguments<A[N]>
  ): Promise<AcceptedJob<A[N]['result']>>;
  /**
   * Runs a job, waits for it and resolves with its result. A signal, or `timeoutMs`, ends the waiting and not the job:
   * another call with the same `idempotencyKey` continues it. Rejects with JobFailedError if the job does not succeed.
   */
  call<N extends keyof A & string>(
    action: N,
    input: A[N]['input'],
    ...options: CallArguments<A[N]>
  ): Promise<A[N]['result']>;
  /** Up to 1,000 jobs at once. Rejects with `invalid_input` only if every item is wrong. */
  runBatch<N extends keyof A & string>(
    action: N,
    items: readonly BatchItem<A[N]['input']>[],
    ...options: BatchArguments<A[N]>
  ): Promise<BatchOutcome<A[N]['result']>>;
  /** Whether a run would be accepted; nothing is written. */
  validate<N extends keyof A & string>(
    action: N,
    input: A[N]['input'],
    ...options: ValidateArguments<A[N]>
  ): Promise<Validation>;
  status<R>(job: JobRef<R>, options?: CallOptions): Promise<JobSummary<R>>;
  /** Resolves when the job has ended, in whichever way; `unwrap` returns its result, or throws an error. */
  wait<R>(job: JobRef<R>, options?: WaitOptions<R>): Promise<EndedJob<R>>;
  cancel<R>(job: JobRef<R>, options?: CancelOptions): Promise<CancelOutcome<R>>;
  /** Runs an ended job's request again, as a new job; with another input or metadata if they are given. */
  retry<R>(job: JobRef<R>, options?: RetryJobOptions): Promise<AcceptedJob<R>>;
  jobs(filter?: JobFilter): Pages<JobSummary>;
  events(job: JobRef, options?: EventsOptions): AsyncGenerator<KnownJobEvent, void, void>;
  /** What a job's attempts have told so far: lines, if its action shows them to callers, and outputs. Oldest first. */
  logs(job: JobRef, options?: LogsOptions): Pages<JobLogEntry>;
  /** The same and all that follows until the job has ended, each once; resumes after every disconnect. */
  followLogs(job: JobRef, options?: FollowLogsOptions): AsyncGenerator<JobLogEntry, void, void>;
  feed(options?: FeedOptions): Feed;
  /** What the jobs did, by the minute or hour: counts, queue waits, run times and failures. */
  stats(options?: StatsOptions): Promise<JobStats>;
  /** A job's result, once it has ended. Rejects with JobFailedError if it does not succeed. */
  output<R>(job: JobRef<R>, options?: WaitOptions<R>): Promise<R>;
  result<R>(job: JobRef<R>, options?: CallOptions): Promise<ResultDownload<R>>;
  /** What a job was asked to work on, as long as the log has it. */
  input(job: JobRef, options?: CallOptions): Promise<ResultDownload>;
  actions(options?: CallOptions): Promise<ActionContract[]>;
  action(name: string, options?: CallOptions): Promise<ActionContract>;
  /** Makes a token that may do some of what the key may, for a while. */
  createToken(options: TokenOptions): Promise<ChildToken>;
  /** The same for many jobs at once. */
  readonly bulk: Bulk;
  readonly portal: Portal;
  readonly schedules: Schedules;
  readonly keys: Keys;
  readonly webhooks: Webhooks;
}

const TIMEOUT_MS = 30_000;
const STREAM_IDLE_MS = 60_000;

const OPTIONS: Members<ErrandOptions> = {
  url: true,
  tenant: true,
  apiKey: true,
  fetch: true,
  headers: true,
  timeoutMs: true,
  streamIdleMs: true,
  retry: true,
};
const RETRY: Members<RetryOptions> = {
  maxAttempts: true,
  maxTimeMs: true,
  baseDelayMs: true,
  maxDelayMs: true,
};

/**
 * A client of one tenant. With the actions that `errand types` writes, inputs and results are typed:
 * `createErrand<Actions>({…})`.
 * @throws UsageError for an unknown option, a url that is neither http nor https, an impossible tenant, or headers that
 * cannot be sent
 */
export function createErrand<A extends ActionMap<A> = AnyActions>(options: ErrandOptions): Errand<A> {
  const transport = transportOf(options);
  const runs = { transport, paths: createResourcePaths(transport) };
  const errand: Errand<Record<string, ActionTypes>> = {
    async run(action, input, given = {}) {
      checkOptions(given, RUN);
      return runAction(runs, { action, input, options: given });
    },
    async call(action, input, given = {}) {
      checkOptions(given, { ...RUN, ...WAIT });
      return outputOf(transport, await runAction(runs, { action, input, options: given }), given);
    },
    async runBatch(action, items, given = {}) {
      checkOptions(given, BATCH);
      return runBatch(runs, { action, items, options: given });
    },
    async validate(action, input, given = {}) {
      checkOptions(given, VALIDATE);
      return validateInput(runs, { action, input, options: given });
    },
    async status(job, given = {}) {
      checkOptions(given, CALL);
      return transport.json({ method: 'GET', path: path`/jobs/${idOf(job)}`, signal: given.signal });
    },
    async wait(job, given) {
      checkOptions(given, WAIT);
      return waitForJob(transport, job, given);
    },
    cancel: (job, given) => cancelJob(transport, job, given),
    async retry(job, given = {}) {
      checkOptions(given, RETRY_JOB);
      const { input, metadata } = given;
      return transport.json({
        method: 'POST',
        path: path`/jobs/${idOf(job)}/retry`,
        ...(input === undefined && metadata === undefined ? {} : { body: { input, metadata } }),
        isRepeatable: true,
        headers: sendHeaders(given),
        signal: given.signal,
      });
    },
    jobs: (filter) => listJobs(transport, filter),
    events: (job, given) => jobEvents(transport, job, given),
    logs: (job, given) => jobLogs(transport, job, given),
    followLogs: (job, given) => followJobLogs(transport, job, given),
    feed: (given) => openFeed(transport, given),
    stats: (given) => readStats(transport, given),
    async output(job, given) {
      checkOptions(given, WAIT);
      return outputOf(transport, job, given);
    },
    async result(job, given) {
      checkOptions(given, CALL);
      return download(transport, job, { ...given, what: 'result' });
    },
    async input(job, given) {
      checkOptions(given, CALL);
      return download(transport, job, { ...given, what: 'input' });
    },
    async actions(given) {
      checkOptions(given, CALL);
      return listActions(transport, given?.signal);
    },
    async action(name, given) {
      checkOptions(given, CALL);
      return getAction(transport, name, given?.signal);
    },
    async createToken(given) {
      checkOptions(given, TOKEN);
      return createToken(transport, given);
    },
    bulk: createBulk(transport),
    portal: createPortal(transport),
    schedules: createSchedules(transport),
    keys: createKeys(transport),
    webhooks: createWebhooks(transport),
  };
  return errand as Errand<A>;
}

function transportOf(options: ErrandOptions): Transport {
  checkObject(options, 'options');
  checkOptions(options, OPTIONS);
  checkOptions(options.retry, RETRY, 'retry');
  const { url, tenant, apiKey, headers = {}, retry } = options;
  const { timeoutMs = TIMEOUT_MS, streamIdleMs = STREAM_IDLE_MS } = options;
  return createTransport({
    base: `${rootOf(url)}/v2/tenants/${encodeWord(tenant)}`,
    headers: mergeHeaders(undefined, { accept: 'application/json' }, headers, {
      authorization: `Bearer ${apiKey}`,
    }),
    // A browser's fetch must be called as a plain function, not as a method.
    fetch: options.fetch ?? ((...given) => globalThis.fetch(...given)),
    timeoutMs,
    streamIdleMs,
    retry: retryPolicyOf(retry),
  });
}

/** Where the API is, without a slash at the end. */
function rootOf(url: string): string {
  try {
    const { protocol, origin, pathname } = new URL(url);
    if (/^https?:$/.test(protocol)) return origin + pathname.replace(/\/+$/, '');
  } catch {
    // Not a URL at all.
  }
  throw new UsageError('url must start with https:// or http://, such as https://errand.example.com');
}
