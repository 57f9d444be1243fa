import { ConnectionError, ErrandError, ResponseError } from '../errors.ts';
import { type ComposedRequest, composeRequest } from './compose-request.ts';
import { type Deadline, startDeadline } from './deadline.ts';
import { readProblem } from './problem.ts';
import { readText } from './read-text.ts';
import { countRetries, type RetryPolicy, timeRetries } from './retry.ts';

type Query = Readonly<Record<string, string | number | undefined>>;

export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Below the base, such as `/jobs`; its segments are percent-encoded. */
  readonly path: string;
  readonly query?: Query;
  /** Sent as JSON. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
  /** Sending it twice has no further effect. True of every GET. */
  readonly isRepeatable?: boolean;
  /** Retried for as long as the policy has time, in however many attempts. */
  readonly outlastsOutages?: boolean;
  /** How long the server holds the request on purpose. */
  readonly waitMs?: number;
}

/** An answer whose body has not been read. */
export interface OpenAnswer {
  readonly response: Response;
  /** Runs until the answer is released; without a time limit at first. */
  readonly deadline: Deadline;
}

export interface Transport {
  readonly retry: RetryPolicy;
  readonly streamIdleMs: number;
  /** The answer's JSON; undefined for 204 and 304, which have none. @throws ErrandError, or the signal's reason */
  json<T>(request: ApiRequest): Promise<T>;
  /** An answer to be read by the caller, who has to release it. Not retried. */
  open(request: ApiRequest): Promise<OpenAnswer>;
  /** The same, retried if that may help. */
  openPatiently(request: ApiRequest): Promise<OpenAnswer>;
}

export interface TransportOptions {
  /** Base of all paths, such as the tenant's address: ends without a slash. */
  readonly base: string;
  readonly fetch: typeof fetch;
  /** The headers of each request, including the key. */
  readonly headers: Headers;
  readonly timeoutMs: number;
  readonly streamIdleMs: number;
  readonly retry: RetryPolicy;
}

/** Twice a page of 200 jobs with the largest results that summaries hold. */
const MAX_JSON_BYTES = 2 ** 27;
const NO_CONTENT = 204;
const NOT_MODIFIED = 304;

export function createTransport(options: TransportOptions): Transport {
  const { retry, streamIdleMs } = options;

  async function patiently<T>(request: ApiRequest, attempt: () => Promise<T>): Promise<T> {
    const isRepeatable = request.isRepeatable ?? request.method === 'GET';
    const retries = request.outlastsOutages
      ? timeRetries(retry)
      : countRetries(isRepeatable ? retry : { ...retry, maxAttempts: 1 });
    for (;;) {
      try {
        return await attempt();
      } catch (error) {
        await retries.next(error, request.signal);
      }
    }
  }

  return {
    retry,
    streamIdleMs,
    open: async (request) => openOnce(options, request, composeRequest(options, request)),
    async openPatiently(request) {
      const composed = composeRequest(options, request);
      return patiently(request, () => openOnce(options, request, composed));
    },
    async json<T>(request: ApiRequest) {
      const composed = composeRequest(options, request);
      return patiently(request, async () => {
        const { response, deadline } = await openOnce(options, request, composed);
        try {
          // The time limit of the whole answer, not only of its head.
          deadline.extend(options.timeoutMs);
          return readJson<T>(response, await readText(response, MAX_JSON_BYTES, deadline.signal));
        } catch (error) {
          throw failureOf(error, deadline, request.signal);
        } finally {
          deadline.release();
        }
      });
    },
  };
}

async function openOnce(
  { timeoutMs, fetch }: TransportOptions,
  { waitMs = 0, signal }: ApiRequest,
  { url, init }: ComposedRequest,
): Promise<OpenAnswer> {
  const deadline = startDeadline(timeoutMs + waitMs, signal);
  try {
    const response = await fetch(url, { ...init, signal: deadline.signal });
    if (!response.ok && response.status !== NOT_MODIFIED) throw await readProblem(response, deadline.signal);
    deadline.extend(undefined);
    return { response, deadline };
  } catch (error) {
    deadline.release();
    throw failureOf(error, deadline, signal);
  }
}

/** @throws ErrandError `invalid_response`: all that the API returns are JSON objects */
function readJson<T>(response: Response, text: string | undefined): T {
  const { status, headers } = response;
  if (status === NO_CONTENT || status === NOT_MODIFIED) return undefined as T;
  const requestId = headers.get('x-request-id') ?? undefined;
  let detail = `the answer ${status} is longer than ${MAX_JSON_BYTES} bytes`;
  let cause: unknown;
  if (text !== undefined) {
    detail = `the answer ${status} is not a JSON object`;
    try {
      const json: unknown = JSON.parse(text);
      if (typeof json === 'object' && json !== null) return json as T;
    } catch (error) {
      cause = error;
    }
  }
  throw new ResponseError('invalid_response', { detail, status, requestId, cause });
}

/** Closes an answer, read or not. */
export function letGo({ deadline }: OpenAnswer): void {
  deadline.abort();
  deadline.release();
}

/** The error for an exchange that got no answer. */
export function failureOf(error: unknown, deadline: Deadline, caller: AbortSignal | undefined): unknown {
  if (caller?.aborted) return caller.reason;
  if (error instanceof ErrandError) return error;
  if (deadline.isOver()) {
    return new ConnectionError('timeout', { detail: 'the server did not answer in time' });
  }
  return new ConnectionError('network_error', { detail: causeOf(error), cause: error });
}

/** Why something failed, for people. Node says `fetch failed` and hides the reason in the cause. */
export function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error && error.cause.message !== '' ? error.cause.message : error.message;
}
