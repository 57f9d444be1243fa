import { type Deadline, startDeadline } from './deadline.ts';
import { ErrandError } from './errors.ts';
import { readProblem } from './problem.ts';
import { countRetries, type RetryPolicy } from './retry.ts';

type Query = Readonly<Record<string, string | number | undefined>>;

export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Below the base, such as `/jobs`; its words are percent-encoded. */
  readonly path: string;
  readonly query?: Query;
  /** Sent as JSON. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
  /** Sent a second time it does nothing that it has not done. True of every GET. */
  readonly isRepeatable?: boolean;
  /** How long the server holds the request on purpose. */
  readonly waitMs?: number;
}

/** An answer whose body has not been read. */
export interface OpenAnswer {
  readonly response: Response;
  /** Runs until the answer is released; it has no time limit at first. */
  readonly deadline: Deadline;
}

export interface Transport {
  readonly retry: RetryPolicy;
  readonly streamIdleMs: number;
  /** The answer's JSON; undefined if it has no body, as 204 and 304 have none. @throws ErrandError, or the signal's reason */
  json<T>(request: ApiRequest): Promise<T>;
  /** An answer to be read by the caller, who has to release it. Without attempts at it again. */
  open(request: ApiRequest): Promise<OpenAnswer>;
  /** The same, made again where that may help. */
  openPatiently(request: ApiRequest): Promise<OpenAnswer>;
}

export interface TransportOptions {
  /** What paths are below, such as the tenant's address: ends without a slash. */
  readonly base: string;
  readonly apiKey: string;
  readonly fetch: typeof fetch;
  readonly headers: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly streamIdleMs: number;
  readonly retry: RetryPolicy;
}

const NOT_MODIFIED = 304;

export function createTransport(options: TransportOptions): Transport {
  const { retry, streamIdleMs } = options;

  async function patiently<T>(request: ApiRequest, attempt: () => Promise<T>): Promise<T> {
    const isRepeatable = request.isRepeatable ?? request.method === 'GET';
    const retries = countRetries(isRepeatable ? retry : { ...retry, maxAttempts: 1 });
    for (;;) {
      try {
        return await attempt();
      } catch (error) {
        await retries.next(error, request.signal);
      }
    }
  }

  const open = (request: ApiRequest) => openOnce(options, request);
  return {
    ...{ retry, streamIdleMs, open },
    openPatiently: (request) => patiently(request, () => open(request)),
    json: <T>(request: ApiRequest) =>
      patiently(request, async () => {
        const { response, deadline } = await openOnce(options, request);
        try {
          // The time of the whole answer, not of its head alone.
          deadline.extend(options.timeoutMs);
          return readJson<T>(response, await response.text());
        } catch (error) {
          throw failureOf(error, deadline, request.signal);
        } finally {
          deadline.release();
        }
      }),
  };
}

async function openOnce(options: TransportOptions, request: ApiRequest): Promise<OpenAnswer> {
  const { method, body, signal } = request;
  const deadline = startDeadline(options.timeoutMs + (request.waitMs ?? 0), signal);
  try {
    const response = await options.fetch(urlOf(options.base, request), {
      method,
      headers: {
        accept: 'application/json',
        ...options.headers,
        authorization: `Bearer ${options.apiKey}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...request.headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      // A key is for the server that it was meant for.
      redirect: 'manual',
      credentials: 'omit',
      signal: deadline.signal,
    });
    if (!response.ok && response.status !== NOT_MODIFIED) throw await readProblem(response);
    deadline.extend(undefined);
    return { response, deadline };
  } catch (error) {
    deadline.release();
    throw failureOf(error, deadline, signal);
  }
}

function urlOf(base: string, { path, query = {} }: ApiRequest): string {
  const given = Object.entries(query).filter(([, value]) => value !== undefined);
  const search = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
  return base + path + (search === '' ? '' : `?${search}`);
}

function readJson<T>(response: Response, text: string): T {
  if (text === '') return undefined as T;
  try {
    return JSON.parse(text) as T;
  } catch (cause) {
    const requestId = response.headers.get('x-request-id') ?? undefined;
    const detail = `the answer ${response.status} is not JSON`;
    throw new ErrandError('invalid_response', { detail, status: response.status, requestId, cause });
  }
}

/** What an exchange that came to no answer is reported as. */
export function failureOf(error: unknown, deadline: Deadline, caller: AbortSignal | undefined): unknown {
  if (caller?.aborted) return caller.reason;
  if (error instanceof ErrandError) return error;
  if (deadline.isOver()) {
    return new ErrandError('timeout', { detail: 'the server did not answer in time', retryable: true });
  }
  return new ErrandError('network_error', { detail: causeOf(error), retryable: true, cause: error });
}

/** Why something failed, for people. Node says `fetch failed` and hides the reason in the cause. */
export function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error && error.cause.message !== '' ? error.cause.message : error.message;
}
