import { acceptContinue } from '@errand/runtime';
import type { Dispatcher } from 'undici';
import type { Exchange } from './outcome.ts';

export interface ExchangeLimits {
  /** For connecting, sending and reading the whole answer. */
  readonly timeoutMs: number;
  /** Beyond this much of an answer's body the connection is dropped; its status counts all the same. */
  readonly maxResponseBytes: number;
  /** How much of the body is handed on. */
  readonly keptResponseBytes: number;
}

/** Informational answers (1xx) that an endpoint may send before its answer. */
const MAX_CHATTER = 16;

/**
 * Sends a request and reads its answer, within one time limit for all of it: undici's own limits are for silence, and an
 * endpoint that drips would never reach them. A request that fails in a way that `sendAgain` accepts is sent once more,
 * within the same limit. It does not reject.
 *
 * undici's handlers are used as they are, without its promises, streams and signals: there is one of each for every
 * request, and they cost as much as the request itself.
 */
export function exchangeOver(
  dispatcher: Dispatcher,
  request: Dispatcher.DispatchOptions,
  { limits, sendAgain }: { limits: ExchangeLimits; sendAgain: (error: unknown) => boolean },
): Promise<Exchange> {
  acceptContinue();
  const { promise, resolve } = Promise.withResolvers<Exchange>();
  const answer = createAnswer(limits.keptResponseBytes);
  let controller: Dispatcher.DispatchController | undefined;
  let heard = 0;
  let tries = 0;
  let over = false;
  let isLate = false;

  const end = (exchange: Exchange) => {
    over = true;
    clearTimeout(timer);
    resolve(exchange);
  };
  const giveUp = (error: Error) => {
    end({ kind: 'broken', status: answer.status, error });
    controller?.abort(error);
  };
  const timer = setTimeout(() => {
    isLate = true;
    // A process that stood still sees its timers before what has arrived meanwhile.
    setImmediate(() => over || giveUp(new DOMException('', 'TimeoutError')));
  }, limits.timeoutMs);

  const handler: Dispatcher.DispatchHandler = {
    onRequestStart(started) {
      controller = started;
      // It has waited for a connection longer than it may take.
      if (over || isLate) started.abort(new Error('the request was aborted'));
    },
    onResponseStart(_, status, headers) {
      if (status >= 200) answer.begin(status, headers['retry-after']);
      else if (++heard > MAX_CHATTER) giveUp(chatterError());
    },
    onResponseData(_, chunk) {
      if (over) return;
      answer.add(chunk);
      if (answer.bytes <= limits.maxResponseBytes) return;
      end(answer.exchange());
      controller?.abort(new Error('the response exceeds the read limit'));
    },
    onResponseEnd() {
      if (!over) end(answer.exchange());
    },
    onResponseError(_, error) {
      if (over || isLate) return;
      if (++tries > 1 || !sendAgain(error)) return end({ kind: 'broken', status: answer.status, error });
      dispatcher.dispatch(request, handler);
    },
  };
  dispatcher.dispatch(request, handler);
  return promise;
}

/** What has come of an answer so far. */
function createAnswer(keptResponseBytes: number) {
  const kept: Buffer[] = [];
  let retryAfter: string | null = null;
  const answer = {
    /** Null before the answer has begun. */
    status: null as number | null,
    bytes: 0,
    begin(status: number, header: string | string[] | undefined) {
      answer.status = status;
      retryAfter = (Array.isArray(header) ? header[0] : header) ?? null;
    },
    add(chunk: Buffer) {
      if (answer.bytes < keptResponseBytes) kept.push(chunk.subarray(0, keptResponseBytes - answer.bytes));
      answer.bytes += chunk.length;
    },
    exchange(): Exchange {
      // Postgres' text holds any character but NUL.
      const response = Buffer.concat(kept).toString('utf8').replaceAll('\0', '\uFFFD');
      return { kind: 'answered', status: answer.status ?? 0, response, retryAfter };
    },
  };
  return answer;
}

function chatterError(): Error {
  const error = new Error('the endpoint sent only informational responses');
  return Object.assign(error, { code: 'HPE_TOO_MANY_INFORMATIONAL' });
}
