import { PermanentError } from '@errand/actions';
import { type BegunAttempt, RetryLater } from '@errand/actions/execution';
import { pointersOf, shownOf } from '@errand/contracts';
import { acceptContinue, retryAfterMs } from '@errand/runtime';
import { Agent, type Dispatcher, request } from 'undici';
import type { Environment } from '../command/environment.ts';
import { CALLBACK_URL, type HttpCall } from '../declaration.ts';
import { filledHeaders } from './headers.ts';
import { parseOutside, textOf } from './outside-json.ts';
import { fillUrl } from './url-template.ts';

/* Requests to a declared endpoint, and what its answers mean. */

type Body = Dispatcher.ResponseData['body'];

interface Asked {
  readonly method: Dispatcher.HttpMethod;
  readonly url: string;
  readonly headers?: Record<string, string>;
  readonly body?: string | null;
  readonly signal?: AbortSignal;
  /** What stands for CALLBACK_URL in the declaration's headers. */
  readonly callbackUrl?: string | undefined;
}

export type Answer = Pick<Dispatcher.ResponseData, 'statusCode' | 'headers' | 'body'>;

const PASSING = [408, 425, 429];
const CONNECT_MS = 10_000;
/** An endpoint that asks for a longer wait is asked again after this one. */
const MAX_RETRY_AFTER_MS = 3_600_000;

/**
 * The attempt's signal is the timeout of the whole exchange, however slow the endpoint. A connection serves one
 * exchange: one that was kept could be closed under the next.
 */
const agent = new Agent({
  connect: { timeout: CONNECT_MS },
  headersTimeout: 0,
  bodyTimeout: 0,
  pipelining: 0,
  allowH2: false,
});

/** Sends requests of one declaration's attempts, with its headers. */
export type Send = (attempt: BegunAttempt, asked: Asked) => Promise<Answer>;

export function createSend(call: HttpCall, env: Environment): Send {
  acceptContinue();
  const declared = filledHeaders(call.headers, env);
  return (
    attempt,
    { method, url, headers: more, body = null, signal = attempt.signal, callbackUrl = '' },
  ) => {
    const headers = call.callback ? withCallbackUrl(declared, callbackUrl) : declared;
    const type = body === null ? {} : { 'content-type': 'application/json' };
    return request(url, {
      method,
      headers: { accept: 'application/json', ...type, ...headers, ...more, ...ownHeaders(attempt) },
      body,
      signal,
      dispatcher: agent,
    });
  };
}

function withCallbackUrl(headers: Record<string, string>, url: string): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, value.replaceAll(CALLBACK_URL, url)]),
  );
}

function ownHeaders({ traceparent }: BegunAttempt): Record<string, string> {
  return {
    'accept-encoding': 'identity',
    ...(traceparent === undefined ? {} : { traceparent }),
  };
}

export function isSuccess({ statusCode }: Answer): boolean {
  return statusCode >= 200 && statusCode < 300;
}

export function isPassing(status: number, { retry_on, permanent }: HttpCall): boolean {
  if (permanent.includes(status)) return false;
  return status >= 500 || PASSING.includes(status) || retry_on.includes(status);
}

/** How long the endpoint asks to be left alone, an hour at most. */
export function askedWaitMs({ headers }: Answer): number | undefined {
  const header = headers['retry-after'];
  const ms = retryAfterMs(typeof header === 'string' ? header : null, Date.now());
  return ms === null ? undefined : Math.min(ms, MAX_RETRY_AFTER_MS);
}

export function startUrl(call: HttpCall, attempt: BegunAttempt, callbackUrl?: string): string {
  const values = { ...valuesOf(attempt), [CALLBACK_PARAMETER]: callbackUrl };
  return fillUrl(startTemplate(call.url), values, { allowSlashes: call.allow_slashes });
}

/** No input has a member of such a name that a URL may name. */
export const CALLBACK_PARAMETER = '/callback_url';

/** The URL with a parameter for CALLBACK_URL. */
export function startTemplate(url: string): string {
  return url.replaceAll(CALLBACK_URL, `{${CALLBACK_PARAMETER}}`);
}

/** What the parameters of a URL stand for. */
export function valuesOf({ input, resource }: BegunAttempt): Record<string, unknown> {
  return { ...(input as object), ...(resource as object) };
}

/** Leaves the rest of an answer unread. */
export function discard({ body }: Answer): void {
  body.on('error', () => {}).destroy();
}

/** @throws PermanentError for what another exchange would not mend */
export async function readAnswer(
  { body, headers }: Answer,
  { max_response_bytes }: HttpCall,
): Promise<string> {
  const bytes = await readBounded(body, max_response_bytes);
  if (bytes === undefined) {
    const limit = [{ max_response_bytes }];
    throw new PermanentError('response_too_large', "The endpoint's answer is too large.", limit);
  }
  const encoding = headers['content-encoding'] ?? 'identity';
  if (encoding !== 'identity') throw new Error(`the endpoint answered with content-encoding ${encoding}`);
  const text = textOf(bytes);
  if (text === undefined) {
    const cause = `#: its ${bytes.length} bytes are not UTF-8`;
    throw new PermanentError('invalid_output', "The endpoint's answer is not UTF-8.", [], { cause });
  }
  return text;
}

/**
 * The JSON of an answer, null for an empty one. `wanted` is what will be used of it.
 * @throws SyntaxError for what is no JSON; PermanentError for what cannot be kept as it is
 */
export function jsonOf(text: string, wanted: readonly string[]): unknown {
  return text === '' ? null : parseOutside(text, wanted);
}

/** What a refusal throws. The status alone decides; the body is read where callers may see some of it. */
export async function refusalOf(call: HttpCall, answer: Answer): Promise<Error> {
  const { statusCode: status } = answer;
  const passes = isPassing(status, call);
  if (passes || call.error_details === undefined) discard(answer);
  if (passes) {
    const message = `the endpoint answered ${status}`;
    const waitMs = askedWaitMs(answer);
    return waitMs === undefined ? new Error(message) : new RetryLater(message, waitMs);
  }
  const details = [{ status, ...(await detailsOf(call, answer.body)) }];
  return new PermanentError('endpoint_refused', `The endpoint answered ${status}.`, details);
}

async function detailsOf({ error_details, max_response_bytes }: HttpCall, body: Body): Promise<object> {
  if (error_details === undefined) return {};
  try {
    const bytes = await readBounded(body, max_response_bytes);
    const said = parseOutside((bytes && textOf(bytes)) ?? '', pointersOf(error_details));
    return shownOf(error_details, said);
  } catch {
    return {};
  }
}

/** Undefined for a body that is larger; the rest of it is not read. */
async function readBounded(body: Body, maxBytes: number): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxBytes) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
