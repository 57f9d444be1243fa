import { ErrandError, type InputError, UsageError } from '../errors.ts';
import { checkOptions, type Members } from '../http/check-options.ts';
import type { Transport } from '../http/transport.ts';
import type { ActionTypes } from './actions.ts';
import type { EndingType } from './feed.ts';
import type { AcceptedJob } from './job.ts';
import { instantOf } from './list-jobs.ts';
import type { ResourcePaths } from './resource-paths.ts';
import type { WaitOptions } from './wait.ts';

/** What is asked of a job in addition to its input. */
export interface JobOptions {
  /** Up to 20 strings that come back with the summary and in webhooks. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /** No attempt begins before this. */
  readonly startAfter?: Date | string | undefined;
  /** Seconds after which the job expires if no attempt has begun. */
  readonly startByS?: number | undefined;
  /** Seconds after which the job expires if it has not ended. */
  readonly finishByS?: number | undefined;
  /** 1 to 9: where jobs of the tenant wait for their turn, higher ones go first. Default 5. */
  readonly priority?: number | undefined;
  /** Values of the action's concurrency keys, by their names, instead of those in the input. */
  readonly concurrencyKeys?: Readonly<Record<string, string>> | undefined;
  /** Told of this job's end; default: for each of the four endings. */
  readonly webhook?:
    | {
        readonly url: string;
        readonly events?: readonly EndingType[];
        readonly include?: readonly 'results'[];
      }
    | undefined;
}

/** Options of one call. */
export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

export interface RetryJobOptions extends SendOptions {
  /** Instead of the job's input. */
  readonly input?: unknown;
  /** Instead of the job's metadata. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
}

/** Parameters of the action's path, required if it has any; optional if nothing is known of them. */
type ResourceOption<T extends ActionTypes> = [keyof T['resource']] extends [never]
  ? { readonly resource?: undefined }
  : string extends keyof T['resource']
    ? { readonly resource?: T['resource'] | undefined }
    : { readonly resource: T['resource'] };

export interface SendOptions extends CallOptions {
  /**
   * The same key and the same input mean the same job, for 7 days. 1-255 visible ASCII characters; encode others, as
   * with `encodeURIComponent`. Default: a random key for each call, which all attempts of the call share.
   */
  readonly idempotencyKey?: string | undefined;
  /** W3C trace context, carried into every event of the job. */
  readonly traceparent?: string | undefined;
}

/** Options may be left out if none is required. */
type Optional<O> = Record<string, never> extends O ? [options?: O] : [options: O];

export type RunArguments<T extends ActionTypes> = Optional<ResourceOption<T> & JobOptions & SendOptions>;
export type CallArguments<T extends ActionTypes> = Optional<
  ResourceOption<T> & JobOptions & SendOptions & WaitOptions<T['result']>
>;
export type ValidateArguments<T extends ActionTypes> = Optional<ResourceOption<T> & JobOptions & CallOptions>;
export type BatchArguments<T extends ActionTypes> = Optional<ResourceOption<T> & SendOptions>;

export interface BatchItem<I = unknown> extends JobOptions {
  readonly input: I;
}

/** What became of each item, in the order in which they were sent. */
export interface BatchOutcome<R = unknown> {
  readonly accepted: number;
  readonly rejected: number;
  /** Whether there are more errors than those in the items. */
  readonly more_errors?: true;
  readonly items: readonly (
    | (Pick<AcceptedJob<R>, 'job_id' | 'version' | 'links'> & { readonly index: number })
    | { readonly index: number; readonly errors: readonly InputError[] }
  )[];
}

export type Validation =
  | { readonly kind: 'valid' }
  | { readonly kind: 'invalid'; readonly errors: readonly InputError[] };

export const CALL: Members<CallOptions> = { signal: true };
const JOB: Members<JobOptions> = {
  metadata: true,
  startAfter: true,
  startByS: true,
  finishByS: true,
  priority: true,
  concurrencyKeys: true,
  webhook: true,
};
const RESOURCE = { resource: true } as const;
export const SEND: Members<SendOptions> = { idempotencyKey: true, traceparent: true, signal: true };
export const RETRY_JOB: Members<RetryJobOptions> = { input: true, metadata: true, ...SEND };
export const RUN = { ...RESOURCE, ...JOB, ...SEND };
export const VALIDATE = { ...RESOURCE, ...JOB, ...CALL };
export const BATCH = { ...RESOURCE, ...SEND };
const BATCH_ITEM: Members<BatchItem> = { input: true, ...JOB };
const WEBHOOK: Members<NonNullable<JobOptions['webhook']>> = { url: true, events: true, include: true };

type Options = { readonly resource?: Readonly<Record<string, string>> | undefined } & JobOptions &
  SendOptions;

interface Runs {
  readonly transport: Transport;
  readonly paths: ResourcePaths;
}

/** Requests a job: resolves once the log holds it. @throws ErrandError `invalid_input` naming each wrong input */
export async function runAction(
  runs: Runs,
  sent: { action: string; input: unknown; options: Options },
): Promise<AcceptedJob> {
  const { action, input, options } = sent;
  return send(runs, { action, options, verb: 'run', body: bodyOf(input, options) });
}

/**
 * Requests up to 1,000 jobs of one action and resource. @throws ErrandError `invalid_input` only if every item is
 * wrong, with pointers such as `#/items/3/…`
 */
export async function runBatch(
  runs: Runs,
  sent: { action: string; items: readonly BatchItem[]; options: Options },
): Promise<BatchOutcome> {
  const { action, items, options } = sent;
  if (!Array.isArray(items)) throw new UsageError('the items of a batch must be an array');
  const bodies = items.map((item: BatchItem, index) => {
    checkOptions(item ?? null, BATCH_ITEM, `items[${index}]`);
    if (!Object.hasOwn(item, 'input')) throw new UsageError(`items[${index}] has no input`);
    return bodyOf(item.input, item);
  });
  return send(runs, { action, options, verb: 'run-batch', body: { items: bodies } });
}

/** Whether the input would be accepted; nothing is written. */
export async function validateInput(
  { transport, paths }: Runs,
  sent: { action: string; input: unknown; options: Options },
): Promise<Validation> {
  const { action, input, options } = sent;
  const { resource = {}, signal } = options;
  const body = bodyOf(input, options);
  try {
    await paths.at({ action, resource, signal }, (actionPath) =>
      transport.json({
        method: 'POST',
        path: `${actionPath}/run`,
        query: { validate_only: 'true' },
        signal,
        body,
        isRepeatable: true,
      }),
    );
    return { kind: 'valid' };
  } catch (error) {
    if (!(error instanceof ErrandError && error.code === 'invalid_input')) throw error;
    return { kind: 'invalid', errors: error.errors };
  }
}

function send<T>(
  { transport, paths }: Runs,
  sent: { action: string; options: Options; verb: string; body: unknown },
): Promise<T> {
  const { action, options, verb, body } = sent;
  const { resource = {}, signal } = options;
  const headers = sendHeaders(options);
  return paths.at({ action, resource, signal }, (actionPath) =>
    transport.json<T>({
      method: 'POST',
      path: `${actionPath}/${verb}`,
      body,
      headers,
      signal,
      isRepeatable: true,
    }),
  );
}

/** @throws UsageError for a key that the API would not accept */
export function sendHeaders({
  idempotencyKey = randomKey(),
  traceparent,
}: SendOptions): Record<string, string> {
  if (!/^[!-~]+$/.test(idempotencyKey)) {
    throw new UsageError('idempotencyKey must be 1-255 visible ASCII characters');
  }
  return {
    'idempotency-key': idempotencyKey,
    ...(traceparent === undefined ? {} : { traceparent }),
  };
}

/** `crypto.randomUUID` does not exist on pages served over plain HTTP. */
function randomKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/**
 * An input is a JSON object; the job's options are one reserved member of it. Left out, it is an empty object. Anything
 * that is not an object is sent as it is: the server says what is wrong with it.
 * @throws UsageError for unknown options of the job, or options that are in the input too
 */
function bodyOf(input: unknown = {}, options: JobOptions): unknown {
  const job = jobOf(options);
  const isObject = typeof input === 'object' && input !== null && !Array.isArray(input);
  if (!isObject || job === undefined) return input;
  if (Object.hasOwn(input, '_job')) {
    throw new UsageError('job options are given twice: next to the input and as its _job');
  }
  return { ...input, _job: job };
}

/** A job's options as the API takes them; undefined if none is given. @throws UsageError for unknown ones of a webhook */
export function jobOf(options: JobOptions): object | undefined {
  const { metadata, startAfter, startByS, finishByS, priority, concurrencyKeys, webhook } = options;
  checkOptions(webhook, WEBHOOK, 'webhook');
  const job = {
    metadata,
    start_after: instantOf(startAfter),
    start_by_s: startByS,
    finish_by_s: finishByS,
    priority,
    concurrency_keys: concurrencyKeys,
    webhook,
  };
  return Object.values(job).every((value) => value === undefined) ? undefined : job;
}
