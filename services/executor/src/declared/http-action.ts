import { type Action, type Attempt, PermanentError } from '@errand/actions';
import { acceptContinue } from '@errand/runtime';
import { Agent, type Dispatcher, request } from 'undici';
import type { HttpCall } from './declaration.ts';
import type { Environment } from './environment.ts';
import { filledHeaders } from './headers.ts';
import { mapValue, pointersOf } from './mapping.ts';
import { fitsFault, parseOutside, textOf } from './outside-json.ts';
import { fillUrl } from './url-template.ts';

/*
 * An attempt is one exchange with the endpoint:
 *
 *   it answers 2xx with JSON                     the result
 *   408, 425, 429, 5xx, or a status of retry_on  another attempt
 *   any other status, redirects too              the job fails
 *   nothing, or 2xx with what is no JSON         another attempt
 *   2xx with JSON that cannot be kept as it is   the job fails
 *   more than max_response_bytes                 the job fails
 *   2xx with what is not UTF-8                   the job fails
 *
 * Private addresses are allowed: the file is the operator's own.
 */

type Body = Dispatcher.ResponseData['body'];

const PASSING = [408, 425, 429];
const CONNECT_MS = 10_000;

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

export function httpRun(call: HttpCall, env: Environment): Action['run'] {
  acceptContinue();
  const headers = filledHeaders(call.headers, env);
  return async (attempt) => {
    const sent = bodyOf(call, attempt);
    const type = sent === null ? {} : { 'content-type': 'application/json' };
    const {
      statusCode,
      body,
      headers: answered,
    } = await request(urlOf(call, attempt), {
      method: call.method,
      headers: { accept: 'application/json', ...type, ...headers, ...ownHeaders(attempt) },
      body: sent,
      signal: attempt.signal,
      dispatcher: agent,
    });
    if (statusCode < 200 || statusCode >= 300) throw await refusalOf(call, statusCode, body);
    const bytes = await readBounded(body, call.max_response_bytes);
    if (bytes === undefined) {
      const limit = [{ max_response_bytes: call.max_response_bytes }];
      throw new PermanentError('response_too_large', "The endpoint's answer is too large.", limit);
    }
    const encoding = answered['content-encoding'] ?? 'identity';
    if (encoding !== 'identity') throw new Error(`the endpoint answered with content-encoding ${encoding}`);
    const text = textOf(bytes);
    if (text === undefined) {
      const cause = `#: its ${bytes.length} bytes are not UTF-8`;
      throw new PermanentError('invalid_output', "The endpoint's answer is not UTF-8.", [], { cause });
    }
    return mapValue(call.response, text === '' ? null : parseOutside(text, pointersOf(call.response)));
  };
}

/** The key is the job's id: an endpoint that knows it does the work of a repeated attempt once. */
function ownHeaders({ jobId, traceparent }: Attempt<unknown, string>): Record<string, string> {
  return {
    'accept-encoding': 'identity',
    'idempotency-key': jobId,
    ...(traceparent === undefined ? {} : { traceparent }),
  };
}

function urlOf(call: HttpCall, { input, resource }: Attempt<unknown, string>): string {
  const values = { ...(input as object), ...(resource as object) };
  return fillUrl(call.url, values, { allowSlashes: call.allow_slashes });
}

function bodyOf(call: HttpCall, attempt: Attempt<unknown, string>): string | null {
  if (call.method === 'GET' || (call.method === 'DELETE' && call.body === undefined)) return null;
  return JSON.stringify(mapValue(call.body ?? '/input', factsOf(attempt))) ?? null;
}

/** What a mapping may point at, and what a command reads. */
export function factsOf(attempt: Attempt<unknown, string>): Record<string, unknown> {
  const { jobId, tenantId, attempt: number, resource, metadata, input, traceparent } = attempt;
  return { job_id: jobId, tenant_id: tenantId, attempt: number, resource, metadata, traceparent, input };
}

function isPassing(status: number, { retry_on, permanent }: HttpCall): boolean {
  if (permanent.includes(status)) return false;
  return status >= 500 || PASSING.includes(status) || retry_on.includes(status);
}

/** The status alone decides; the body is read where callers may see some of it. */
async function refusalOf(call: HttpCall, status: number, body: Body): Promise<Error> {
  const passes = isPassing(status, call);
  if (passes || call.error_details === undefined) body.on('error', () => {}).destroy();
  if (passes) return new Error(`the endpoint answered ${status}`);
  const details = [{ status, ...(await detailsOf(call, body)) }];
  return new PermanentError('endpoint_refused', `The endpoint answered ${status}.`, details);
}

/** What of a refusal callers may see is for the declaration to say. */
async function detailsOf({ error_details, max_response_bytes }: HttpCall, body: Body): Promise<object> {
  if (error_details === undefined) return {};
  try {
    const bytes = await readBounded(body, max_response_bytes);
    const said = parseOutside((bytes && textOf(bytes)) ?? '', pointersOf(error_details));
    const answer = mapValue(error_details, said);
    return answer !== undefined && fitsFault(answer) ? { answer } : {};
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
