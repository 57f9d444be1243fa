import type { InputError } from '@errand/contracts';
import { parseExact } from './exact-json.ts';

/** An answer that is no success: an RFC 9457 problem, or `connection` if none came. */
export class ApiError extends Error {
  readonly code: string;
  readonly status: number;
  readonly errors: readonly InputError[];
  readonly requestId: string | undefined;

  constructor(about: {
    code: string;
    status: number;
    detail: string;
    errors?: readonly InputError[];
    requestId?: string;
  }) {
    super(about.detail);
    this.code = about.code;
    this.status = about.status;
    this.errors = about.errors ?? [];
    this.requestId = about.requestId;
  }
}

/**
 * A path of the API. Each value is one segment of it: what a link or an answer says can lead nowhere else.
 * @throws ApiError for a value that is no segment
 */
export function pathTo(fixed: TemplateStringsArray, ...values: readonly string[]): string {
  return fixed.reduce((path, next, index) => path + segmentOf(values[index - 1] ?? '') + next);
}

function segmentOf(value: string): string {
  if (/^\.{0,2}$/.test(value)) {
    throw new ApiError({ code: 'no_such_path', status: 0, detail: 'There is no such page.' });
  }
  return encodeURIComponent(value);
}

let bearer: string | undefined;

/** From then on requests carry this token, which is kept in the page's memory alone, in place of the session's cookie. */
export function carryToken(token: string): void {
  bearer = token;
}

/** What every request carries. */
export function ownHeaders(): Record<string, string> {
  return { 'errand-console': '1', ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }) };
}

interface Sent {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
  readonly signal?: AbortSignal;
}

/** Told when an answer says that there is no session. */
export const signedOut = new EventTarget();

/**
 * Asks the API as the session. Numbers in the answer that JavaScript cannot hold are ExactNumber.
 * @throws ApiError
 */
export async function request<T>(path: string, sent: Sent = {}): Promise<T> {
  const text = await requestText(path, sent);
  return (text === '' ? undefined : parseExact(text)) as T;
}

/** The same, as it was sent. */
export async function requestText(path: string, sent: Sent = {}): Promise<string> {
  return (await send(path, sent)).text();
}

/** A file. */
export async function requestFile(path: string): Promise<Blob> {
  return (await send(path, {})).blob();
}

async function send(path: string, { method = 'GET', body, headers, signal }: Sent): Promise<Response> {
  assertPlain(path);
  const response = await fetch(path, {
    method,
    headers: {
      ...ownHeaders(),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    ...(signal ? { signal } : {}),
  }).catch((error: unknown) => {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw new ApiError({ code: 'connection', status: 0, detail: 'The gateway does not answer.' });
  });
  if (response.ok) return response;
  const error = errorOf(response, await response.text());
  if (response.status === 401 && !path.startsWith('/session'))
    signedOut.dispatchEvent(new Event('signedout'));
  throw error;
}

/** What a browser would make another path of is never sent. */
function assertPlain(path: string): void {
  const { pathname, hash, origin, search } = new URL(path, location.origin);
  if (origin === location.origin && hash === '' && pathname + search === path) return;
  throw new ApiError({ code: 'no_such_path', status: 0, detail: 'There is no such page.' });
}

function errorOf(response: Response, text: string): ApiError {
  const { status } = response;
  try {
    const problem = JSON.parse(text) as {
      code: string;
      detail: string;
      request_id?: string;
      errors?: InputError[];
    };
    return new ApiError({
      code: problem.code,
      status,
      detail: problem.detail,
      ...(problem.errors ? { errors: problem.errors } : {}),
      requestId: response.headers.get('x-request-id') ?? '',
    });
  } catch {
    return new ApiError({ code: 'no_problem', status, detail: `The server answered ${status}.` });
  }
}

/** A query string of what is not undefined. */
export function queryOf(parameters: Record<string, string | number | undefined>): string {
  const entries = Object.entries(parameters).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, String(value)]],
  );
  return entries.length === 0 ? '' : `?${new URLSearchParams(entries)}`;
}
