import {
  ContentType,
  exactJsonOf,
  FAULT_CODES,
  type FaultCode,
  FileName,
  JOB_OUTPUT_BYTES,
  type JobFault,
  type PayloadRef,
} from '@errand/contracts';
import type { Action, Attempt, ValueIssue, ValueSchema } from './define-action.ts';
import { CallbackUnavailable, PermanentError, ResultNotStored, RetryLater, WorkerLost } from './errors.ts';
import { type BegunAttempt, CallbackDeferral, Deferral } from './operation.ts';
import { plainFault } from './plain-fault.ts';
import type { OtherJob, ResultFile } from './result-file.ts';
import { type Flaw, reasonsOf } from './unfit-result.ts';

/** One attempt as plain data, so that it can cross into a worker thread. */
export interface AttemptOrder {
  readonly jobId: string;
  readonly tenantId: string;
  readonly input: unknown;
  readonly resource: Readonly<Record<string, string>>;
  readonly metadata: Readonly<Record<string, string>>;
  readonly attempt: number;
  readonly traceparent?: string | undefined;
  readonly operation?: BegunAttempt['operation'];
  readonly remainingMs?: number | undefined;
}

export interface AttemptHooks {
  readonly signal: AbortSignal;
  progress(percent: number, message?: string): void;
  log(message: string, fields?: Record<string, unknown>): void;
  /** Takes a partial result as JSON. */
  output(json: string): void;
  /** @throws PermanentError for a file that is too large */
  saveResult(file: ResultFile): Promise<PayloadRef>;
  readResult(jobId: string): Promise<OtherJob>;
  /** @throws CallbackUnavailable */
  callbackUrl(): Promise<string>;
}

export { CallbackUnavailable, ResultNotStored, RetryLater, WorkerLost } from './errors.ts';
export { type BegunAttempt, CallbackDeferral, callbackOf, Deferral } from './operation.ts';
export { reasonsOf } from './unfit-result.ts';

export type AttemptOutcome =
  /** The result as JSON, absent for none. With a `resultRef` the result is the file stored there. */
  | { kind: 'succeeded'; json?: string | undefined; resultRef?: PayloadRef }
  /** The attempt is to begin again after a while and resume the operation. */
  | { kind: 'deferred'; address: string; afterMs: number }
  /** The job is to wait for a call. `withinMs` as in CallbackDeferral; `address` is where the work is canceled. */
  | { kind: 'awaits_call'; withinMs: number | undefined; address: string | undefined }
  | Failed;

/**
 * `permanent` says that another attempt would fail in the same way. `cause` is for the executor's log only: it may hold
 * what a caller must not see. The next attempt waits at least `retryAfterMs`.
 */
type Failed = { kind: 'failed'; error: JobFault; permanent: boolean; cause?: string; retryAfterMs?: number };

/**
 * Runs an action once, between its input schema and its result schema. Never throws, whatever the action and its
 * schemas do; the outcome is plain data.
 */
export async function executeAttempt(
  action: Action,
  order: AttemptOrder,
  hooks: AttemptHooks,
): Promise<AttemptOutcome> {
  try {
    return await attemptOnce(action, order, hooks);
  } catch (error) {
    return failed('action_failed', undefined, causeOf(error));
  }
}

async function attemptOnce(
  action: Action,
  order: AttemptOrder,
  hooks: AttemptHooks,
): Promise<AttemptOutcome> {
  const input = await check(action.input, order.input);
  if (input.kind === 'unfit') return failed('invalid_input', input.details, input.cause);
  // What was saved in this attempt: a ref from another attempt, or one that an action made up, is not here.
  const saved = new Map<unknown, PayloadRef>();
  const saveResult: Attempt<unknown, string>['saveResult'] = async (file) => {
    const ref = await hooks.saveResult(checkedFile(file));
    const result = { bytes: ref.bytes, sha256: ref.sha256 };
    saved.set(result, ref);
    return result;
  };
  let returned: unknown;
  try {
    const output = (value: unknown) => hooks.output(outputJson(value));
    returned = await action.run({ ...order, ...hooks, saveResult, output, input: input.data });
  } catch (error) {
    return faultOf(error);
  }
  if (returned instanceof Deferral) {
    return { kind: 'deferred', address: returned.address, afterMs: returned.afterMs };
  }
  if (returned instanceof CallbackDeferral) {
    return { kind: 'awaits_call', withinMs: returned.withinMs, address: returned.address };
  }
  if (action.returnsFile) {
    const resultRef = saved.get(returned);
    if (resultRef) return { kind: 'succeeded', resultRef };
    return invalidResult(returned, [{ detail: 'must be what saveResult returned' }]);
  }
  const result = await check(action.result, returned);
  if (result.kind === 'unfit') {
    // A schema's messages may be the author's own words, with the value in them.
    const shown = result.details.map(({ pointer, code }) => ({ pointer, code }));
    return failed('invalid_result', shown, result.cause ?? reasonsOf(returned, result.details));
  }
  try {
    const { json, flaws } = exactJsonOf(result.data);
    return flaws.length > 0 ? invalidResult(result.data, flaws) : { kind: 'succeeded', json };
  } catch (error) {
    const details = [{ pointer: '#', detail: 'cannot be written as JSON' }];
    return failed('invalid_result', details, causeOf(error));
  }
}

/** @throws PermanentError */
function outputJson(value: unknown): string {
  const { json, flaws } = exactJsonOf(value);
  if (json === undefined || flaws.length > 0) {
    throw new PermanentError('invalid_output', 'A partial result cannot be written as JSON.', [...flaws]);
  }
  if (Buffer.byteLength(json) <= JOB_OUTPUT_BYTES) return json;
  const limit = [{ max_bytes: JOB_OUTPUT_BYTES }];
  throw new PermanentError('output_too_large', 'A partial result is too large.', limit);
}

function invalidResult(value: unknown, flaws: readonly Flaw[]): AttemptOutcome {
  return failed('invalid_result', [...flaws], reasonsOf(value, flaws));
}

/** A value that makes its schema throw does not fit it. */
async function check(
  schema: ValueSchema,
  value: unknown,
): Promise<{ kind: 'fits'; data: unknown } | { kind: 'unfit'; details: Flaw[]; cause?: string }> {
  try {
    const parsed = await (schema.safeParseAsync ? schema.safeParseAsync(value) : schema.safeParse(value));
    if (parsed.success) return { kind: 'fits', data: parsed.data };
    return { kind: 'unfit', details: detailsOf(parsed.error) };
  } catch (error) {
    const details = [{ pointer: '#', code: 'schema_failed', detail: 'made its schema throw' }];
    return { kind: 'unfit', details, cause: causeOf(error) };
  }
}

/** @throws PermanentError */
function checkedFile(file: ResultFile): ResultFile {
  const { contentType, filename } = file;
  const isNamed = filename === undefined || FileName.safeParse(filename).success;
  if (isNamed && ContentType.safeParse(contentType).success) return file;
  const details = [{ content_type: contentType, filename }];
  throw new PermanentError('invalid_result', 'The file has an invalid name or type.', details);
}

/** Errand's own faults that may pass by themselves. */
const PASSING: readonly FaultCode[] = [
  'action_failed',
  'timed_out',
  'result_not_stored',
  'callback_missing',
  'callback_unavailable',
  'worker_lost',
];

export function failed(code: FaultCode, details?: unknown[], cause?: string): Failed {
  const error = plainFault({ code, message: FAULT_CODES[code], details });
  const permanent = !PASSING.includes(code);
  return { kind: 'failed', error, permanent, ...(cause === undefined ? {} : { cause }) };
}

function faultOf(error: unknown): AttemptOutcome {
  if (error instanceof CallbackUnavailable) return failed('callback_unavailable', undefined, causeOf(error));
  if (error instanceof ResultNotStored) return failed('result_not_stored', undefined, causeOf(error));
  if (error instanceof WorkerLost) return failed('worker_lost', undefined, causeOf(error));
  if (!(error instanceof PermanentError)) {
    const outcome = failed('action_failed', undefined, causeOf(error));
    return error instanceof RetryLater ? { ...outcome, retryAfterMs: error.afterMs } : outcome;
  }
  const { code, message, details, cause } = error;
  return {
    kind: 'failed',
    permanent: true,
    error: plainFault({ code, message, details: details ?? [] }),
    ...(cause === undefined ? {} : { cause: causeOf(cause) }),
  };
}

/** The most characters of a cause. */
const MAX_CAUSE = 16_384;

/** Describes whatever was thrown, for the log. Never throws. */
export function causeOf(error: unknown): string {
  try {
    const text = String(error instanceof Error ? (error.stack ?? error.message) : error);
    return text.slice(0, MAX_CAUSE);
  } catch {
    return 'a value without text';
  }
}

function detailsOf(error: { issues: readonly ValueIssue[] }): Flaw[] {
  return error.issues.slice(0, 100).map(({ path, code, message }) => ({
    pointer: `#${path.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')}`,
    code,
    detail: message,
  }));
}
