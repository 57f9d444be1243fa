import {
  type ActionContract,
  type ActionMap,
  type ActionTypes,
  type AnyActions,
  getAction,
  listActions,
} from './actions.ts';
import { type CancelOptions, type CancelOutcome, cancelJob } from './cancel.ts';
import { mergeHeaders } from './compose-request.ts';
import { type Feed, type FeedOptions, openFeed } from './feed.ts';
import type { AcceptedJob, EndedJob, JobRef, JobSummary } from './job.ts';
import { idOf } from './job.ts';
import { type EventsOptions, jobEvents, type KnownJobEvent } from './job-events.ts';
import { type JobFilter, listJobs } from './list-jobs.ts';
import { outputOf } from './output.ts';
import type { Pages } from './pages.ts';
import { encodeWord, path } from './path.ts';
import { createResourcePaths } from './resource-paths.ts';
import { downloadResult, type ResultDownload } from './result.ts';
import { type RetryOptions, retryPolicyOf } from './retry.ts';
import {
  type BatchArguments,
  type BatchItem,
  type BatchOutcome,
  type CallArguments,
  type CallOptions,
  type RunArguments,
  runAction,
  runBatch,
  type SendOptions,
  sendHeaders,
  type ValidateArguments,
  type Validation,
  validateInput,
} from './run.ts';
import { createTransport, type Transport } from './transport.ts';
import { type WaitOptions, waitForJob } from './wait.ts';
import { createWebhooks, type Webhooks } from './webhooks.ts';

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
  /** For one attempt at a call, beside what the server waits on purpose. Default 30,000. */
  readonly timeoutMs?: number | undefined;
  /** Silence after which a stream counts as cut; longer than the server's heartbeat of 15 s. Default 60,000. */
  readonly streamIdleMs?: number | undefined;
  /**
   * Calls that failed without an answer, with 408, 429, 502, 503 or 504, or since their key is in flight, are made again
   * where that cannot do anything twice: what reads, what has an Idempotency-Key, and what sets something to a value.
   */
  readonly retry?: RetryOptions | undefined;
}

/** One tenant's calls. All reject with ErrandError, or with the reason of the signal that ended them. */
export interface Errand<A extends ActionMap<A> = AnyActions> {
  /** Requests a job; resolves once the log holds it. It needs no second call where it is not sure of the first. */
  run<N extends keyof A & string>(
    action: N,
    input: A[N]['input'],
    ...options: RunArguments<A[N]>
  ): Promise<AcceptedJob<A[N]['result']>>;
  /**
   * Runs a job, waits for it and resolves with its result. A signal, or `timeoutMs`, ends the waiting and not the job: the
   * same `idempotencyKey` goes on with it. Rejects with JobFailedError if the job does not succeed.
   */
  call<N extends keyof A & string>(
    action: N,
    input: A[N]['input'],
    ...options: CallArguments<A[N]>
  ): Promise<A[N]['result']>;
  /** Up to 1,000 jobs at once. Rejects with `invalid_input` only if no item is right. */
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
  /** Resolves when the job has ended, in whichever way; `unwrap` has its result, or makes an error of it. */
  wait<R>(job: JobRef<R>, options?: WaitOptions<R>): Promise<EndedJob<R>>;
  cancel<R>(job: JobRef<R>, options?: CancelOptions): Promise<CancelOutcome<R>>;
  /** Asks for what an ended job was asked for, as a new job. */
  retry<R>(job: JobRef<R>, options?: SendOptions): Promise<AcceptedJob<R>>;
  jobs(filter?: JobFilter): Pages<JobSummary>;
  events(job: JobRef, options?: EventsOptions): AsyncGenerator<KnownJobEvent, void, void>;
  feed(options?: FeedOptions): Feed;
  /** What a job comes to, once it has ended. Rejects with JobFailedError if it does not succeed. */
  output<R>(job: JobRef<R>, options?: WaitOptions<R>): Promise<R>;
  result<R>(job: JobRef<R>, options?: CallOptions): Promise<ResultDownload<R>>;
  actions(options?: CallOptions): Promise<ActionContract[]>;
  action(name: string, options?: CallOptions): Promise<ActionContract>;
  readonly webhooks: Webhooks;
}

const TIMEOUT_MS = 30_000;
const STREAM_IDLE_MS = 60_000;

/**
 * A client of one tenant. Give it the actions that `errand types` writes, and inputs and results have types:
 * `createErrand<Actions>({…})`.
 * @throws TypeError for a url that is none of http or https, a tenant that cannot be one, or headers that cannot be sent
 */
export function createErrand<A extends ActionMap<A> = AnyActions>(options: ErrandOptions): Errand<A> {
  const transport = transportOf(options);
  const runs = { transport, paths: createResourcePaths(transport) };
  const errand: Errand<Record<string, ActionTypes>> = {
    run: (action, input, given = {}) => runAction(runs, { action, input, options: given }),
    call: async (action, input, given = {}) =>
      outputOf(transport, await runAction(runs, { action, input, options: given }), given),
    runBatch: (action, items, given = {}) => runBatch(runs, { action, items, options: given }),
    validate: (action, input, given = {}) => validateInput(runs, { action, input, options: given }),
    status: async (job, { signal } = {}) =>
      transport.json({ method: 'GET', path: path`/jobs/${idOf(job)}`, signal }),
    wait: (job, given) => waitForJob(transport, job, given),
    cancel: (job, given) => cancelJob(transport, job, given),
    retry: async (job, given = {}) =>
      transport.json({
        ...{ method: 'POST', path: path`/jobs/${idOf(job)}/retry`, isRepeatable: true },
        ...{ headers: sendHeaders(given), signal: given.signal },
      }),
    jobs: (filter) => listJobs(transport, filter),
    events: (job, given) => jobEvents(transport, job, given),
    feed: (given) => openFeed(transport, given),
    output: (job, given) => outputOf(transport, job, given),
    result: (job, given) => downloadResult(transport, job, given),
    actions: (given) => listActions(transport, given?.signal),
    action: (name, given) => getAction(transport, name, given?.signal),
    webhooks: createWebhooks(transport),
  };
  return errand as Errand<A>;
}

function transportOf(options: ErrandOptions): Transport {
  const { url, tenant, apiKey, headers = {}, retry } = options;
  const { timeoutMs = TIMEOUT_MS, streamIdleMs = STREAM_IDLE_MS } = options;
  return createTransport({
    base: `${rootOf(url)}/v2/tenants/${encodeWord(tenant)}`,
    headers: mergeHeaders(undefined, { accept: 'application/json' }, headers, {
      authorization: `Bearer ${apiKey}`,
    }),
    // A browser's fetch wants to be called as a function of its own.
    fetch: options.fetch ?? ((...given) => globalThis.fetch(...given)),
    ...{ timeoutMs, streamIdleMs, retry: retryPolicyOf(retry) },
  });
}

/** Where the API is, without a slash at the end. */
function rootOf(url: string): string {
  try {
    const { protocol, origin, pathname } = new URL(url);
    if (/^https?:$/.test(protocol)) return origin + pathname.replace(/\/+$/, '');
  } catch {
    // Not even another kind of URL.
  }
  throw new TypeError('url has to begin with https:// or http://, such as https://errand.example.com');
}
