import { ApiError, type ErrandError, type InputError, ResponseError } from '../errors.ts';
import { readText } from './read-text.ts';
import { readRetryAfter } from './retry.ts';

/** Many times the largest answer, to a batch in which every item is wrong; anything longer is not Errand's. */
const MAX_PROBLEM_BYTES = 2 ** 24;
const MAY_PASS: readonly number[] = [408, 429, 502, 503, 504];
/** A refusal that may pass, and one that will not although its status suggests it. */
const PASSING = 'idempotency_in_flight';
const LASTING = 'history_out_of_reach';

/**
 * Turns an error answer into an error. Problems (RFC 9457) have a code and a reason; others are named by their status.
 */
export async function readProblem(response: Response, signal: AbortSignal): Promise<ErrandError> {
  const { status, headers } = response;
  if (response.type === 'opaqueredirect' || (status >= 300 && status < 400)) {
    await response.body?.cancel();
    const detail = 'the server redirects; check the url given to the client';
    return new ResponseError('unexpected_redirect', { detail, status: status || undefined });
  }
  const problem = fieldsOf((await readText(response, MAX_PROBLEM_BYTES, signal)) ?? '');
  const code = typeof problem.code === 'string' ? problem.code : `http_${status}`;
  const detail = typeof problem.detail === 'string' ? problem.detail : `the server answered ${status}`;
  return new ApiError(code, {
    detail,
    status,
    errors: Array.isArray(problem.errors) ? (problem.errors as InputError[]) : [],
    retryable: code === PASSING || (MAY_PASS.includes(status) && code !== LASTING),
    retryAfterMs: readRetryAfter(headers.get('retry-after'), Date.now()),
    requestId:
      headers.get('x-request-id') ?? (typeof problem.instance === 'string' ? problem.instance : undefined),
  });
}

function fieldsOf(text: string): Record<string, unknown> {
  try {
    const json: unknown = JSON.parse(text);
    return typeof json === 'object' && json !== null ? (json as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
