import { type Action, PermanentError } from '@errand/actions';
import { type BegunAttempt, Deferral } from '@errand/actions/execution';
import { fitsConditions, mapValue, pointersOf, shownOf } from '@errand/contracts';
import type { HttpCall, Poll } from '../declaration.ts';
import { cancelPatiently } from './cancel-operation.ts';
import {
  type Answer,
  askedWaitMs,
  discard,
  isPassing,
  isSuccess,
  jsonOf,
  readAnswer,
  refusalOf,
  type Send,
  startUrl,
  valuesOf,
} from './http-exchange.ts';
import { addressIn, answerPointers, isPointer, type Slashes } from './operation-address.ts';
import { fillUrl } from './url-template.ts';

/*
 * An endpoint that accepts work and is then asked for it. An attempt is begun for each exchange and deferred between
 * them, so that waiting holds no slot and whoever begins it next finds the operation's address in the log:
 *
 *   the start …                          what follows
 *   says where the operation is found    the address is written to the log; a poll after `every_s`
 *   answers 2xx without that             the answer is taken for a poll's
 *   fails                                as without polling: nothing is known of an operation
 *
 *   a poll is answered …                 what follows
 *   as done_when says, or with 200       the result
 *   as failed_when says                  the job fails: operation_failed
 *   302 or 303                           the result is fetched from there
 *   202, or otherwise 2xx                another poll, after every_s or Retry-After, whichever is longer
 *   408, 425, 429, 5xx, of retry_on,     the same
 *   no JSON, or nothing in time
 *   404 or 410                           the job fails: operation_gone
 *   any other status                     the job fails: endpoint_refused
 *
 * After limit_s the operation is canceled and the job fails: operation_timed_out. Shortly before the job expires the
 * operation is polled a last time, and canceled if it is not done.
 */

/** A poll that has no answer by then is made again later. */
const POLL_MS = 30_000;
/** How long before its end a job that will expire is polled a last time: long enough to cancel its operation. */
const LAST_LOOK_MS = 2_000;
const MAX_ADDRESS = 2_000;
const GONE = [404, 410];
const ELSEWHERE = [302, 303];
/** At the begin of a cancel's URL. */
const OPERATION = /^\{operation\}(?=$|[/?])/;
const ANY_OPERATION = 'http://operation';

type Operation = NonNullable<BegunAttempt['operation']>;

/** A cancel's URL with something in the place of the operation's address, so that it can be checked and filled in. */
export function cancelTemplate(url: string): string {
  return url.replace(OPERATION, ANY_OPERATION);
}

export function polledRun(options: {
  call: HttpCall;
  poll: Poll;
  /** Of one begin of an attempt. */
  timeoutMs: number;
  start: (attempt: BegunAttempt) => Promise<Answer>;
  send: Send;
}): Required<Pick<Action, 'run' | 'cancelOperation'>> {
  const { call, poll, start, send } = options;
  const pollMs = Math.min(POLL_MS, 0.9 * options.timeoutMs);
  const slashes: Slashes = { allowSlashes: call.allow_slashes };
  const conditions = [...Object.keys(poll.done_when ?? {}), ...Object.keys(poll.failed_when ?? {})];

  async function begin(attempt: BegunAttempt): Promise<unknown> {
    const answer = await start(attempt);
    const waitMs = askedWaitMs(answer);
    const { statusCode } = answer;
    let address = poll.header === undefined ? undefined : headerOf(answer, poll.header);
    let text = '';
    if (address !== undefined) discard(answer);
    else {
      text = await readAnswer(answer, call);
      if (poll.url !== undefined)
        address = addressIn(poll.url, jsonOf(text, answerPointers(poll.url)), { attempt, slashes });
    }
    if (address !== undefined) {
      const operation = { address: absolute(address, startUrl(call, attempt)), elapsedMs: 0 };
      return defer(attempt, operation, waitMs);
    }
    const ended = endOf(statusCode, text);
    if (ended) return ended.result;
    throw new PermanentError('operation_unknown', 'The endpoint did not give the address of its operation.');
  }

  async function look(attempt: BegunAttempt, operation: Operation): Promise<unknown> {
    try {
      const signal = AbortSignal.any([attempt.signal, AbortSignal.timeout(pollMs)]);
      const first = await send(attempt, { method: 'GET', url: absolute(operation.address), signal });
      const next = ELSEWHERE.includes(first.statusCode) ? headerOf(first, 'location') : undefined;
      if (next !== undefined) discard(first);
      const answer = next
        ? await send(attempt, { method: 'GET', url: absolute(next, operation.address), signal })
        : first;
      if (!isSuccess(answer)) return defer(attempt, operation, await passingWait(answer));
      const ended = endOf(answer.statusCode, await readAnswer(answer, call), next !== undefined);
      return ended ? ended.result : defer(attempt, operation, askedWaitMs(answer));
    } catch (error) {
      if (error instanceof PermanentError || attempt.signal.aborted) throw error;
      attempt.log('operation_not_polled', { cause: String(error) });
      return defer(attempt, operation);
    }
  }

  /** @throws PermanentError for a refusal that another poll would not mend */
  async function passingWait(answer: Answer): Promise<number | undefined> {
    const { statusCode } = answer;
    if (isPassing(statusCode, call)) {
      discard(answer);
      return askedWaitMs(answer);
    }
    if (!GONE.includes(statusCode)) throw await refusalOf(call, answer);
    discard(answer);
    const details = [{ status: statusCode }];
    throw new PermanentError('operation_gone', 'The endpoint no longer knows the operation.', details);
  }

  /** What an answer ends with; undefined while the operation goes on. */
  function endOf(status: number, text: string, isDone = false): { result: unknown } | undefined {
    const said = jsonOf(text, conditions);
    if (poll.failed_when && fitsConditions(poll.failed_when, said)) {
      const details = [{ status, ...shownOf(call.error_details, said) }];
      throw new PermanentError('operation_failed', "The endpoint's operation failed.", details);
    }
    const says = poll.done_when ? fitsConditions(poll.done_when, said) : status !== 202;
    if (!isDone && !says) return undefined;
    return { result: mapValue(poll.result, jsonOf(text, pointersOf(poll.result))) };
  }

  async function defer(attempt: BegunAttempt, operation: Operation, askedMs = 0): Promise<Deferral> {
    const { address, elapsedMs } = operation;
    if (address.length > MAX_ADDRESS) {
      const details = [{ max_length: MAX_ADDRESS }];
      throw new PermanentError('operation_unknown', "The operation's address is too long.", details);
    }
    const limitMs = poll.limit_s * 1_000 - elapsedMs;
    const { remainingMs = Number.POSITIVE_INFINITY } = attempt;
    const lastLookMs = remainingMs - LAST_LOOK_MS;
    if (limitMs > 0 && lastLookMs > 0) {
      return new Deferral(address, Math.min(Math.max(poll.every_s * 1_000, askedMs), limitMs, lastLookMs));
    }
    await cancelOperation(attempt, address).catch((error: unknown) =>
      attempt.log('operation_not_canceled', { cause: String(error) }),
    );
    if (limitMs > 0) return new Deferral(address, remainingMs);
    const details = [{ limit_s: poll.limit_s }];
    throw new PermanentError('operation_timed_out', "The endpoint's operation took too long.", details);
  }

  /** Of the same origin as what the file names, or the file's secrets would be sent to whoever an answer names. */
  function absolute(address: string, base?: string): string {
    const template = poll.url === undefined || isPointer(poll.url) ? call.url : poll.url;
    const wanted = new URL(template.replaceAll(/[{}]/g, '')).origin;
    const url = URL.canParse(address, base) ? new URL(address, base) : undefined;
    if (url?.origin === wanted) return url.href;
    const message = 'The endpoint named an operation on another origin.';
    throw new PermanentError('operation_elsewhere', message, [{ origin: url?.origin ?? null, wanted }]);
  }

  async function cancelOperation(attempt: BegunAttempt, address: string): Promise<void> {
    if (!poll.cancel) return;
    const { method } = poll.cancel;
    const filled = fillUrl(cancelTemplate(poll.cancel.url), valuesOf(attempt), slashes);
    const url = OPERATION.test(poll.cancel.url) ? behind(absolute(address), filled) : filled;
    await cancelPatiently({ call, send }, attempt, { method, url });
  }

  return {
    run: (attempt) => (attempt.operation ? look(attempt, attempt.operation) : begin(attempt)),
    cancelOperation,
  };
}

function headerOf({ headers }: Answer, name: string): string | undefined {
  const value = headers[name.toLowerCase()];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** The path of a cancel's URL follows the path of the operation's address, which keeps its query. */
function behind(address: string, filled: string): string {
  const { pathname, search } = new URL(filled);
  const target = new URL(address);
  if (pathname !== '/') target.pathname = target.pathname.replace(/\/$/, '') + pathname;
  if (search !== '') target.search = search;
  return target.href;
}
