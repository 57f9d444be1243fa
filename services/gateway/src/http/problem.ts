import { EventTooLarge, HistoryOutOfReach, LogFull, LogUnavailable } from '@errand/bus';
import type { InputError, Problem } from '@errand/contracts';
import type { BrokenRequestStatus, Logger, PlainAnswer } from '@errand/runtime';
import { createErrorRoom } from './error-room.ts';
import { PROBLEMS, type ProblemKind } from './problem-kinds.ts';
import type { Ctx } from './request-log.ts';

/*
 * The one place where a code becomes an HTTP answer. Codes are stable: callers branch on them.
 */

export type ProblemCode = keyof typeof PROBLEMS;

/** The status that a code is answered with. */
export function problemStatus(code: ProblemCode): number {
  return PROBLEMS[code].status;
}

/** What a code means, for people. */
export function problemDetail(code: ProblemCode): string {
  return PROBLEMS[code].detail;
}

interface RefusalOptions {
  detail?: string;
  /** Read until the answer has no more room for them. */
  errors?: Iterable<InputError>;
  headers?: Record<string, string>;
}

/** Thrown to end a request with one of the known answers. */
export class Refusal extends Error {
  override name = 'Refusal';
  readonly code: ProblemCode;
  readonly options: RefusalOptions;
  constructor(code: ProblemCode, options: RefusalOptions = {}) {
    super(code);
    this.code = code;
    this.options = options;
  }
}

/** What ends by itself: whoever may wait is to try again, and is not refused by it. */
const PASSING = new Set<ProblemCode>([
  'too_many_runs',
  'too_many_queued',
  'too_many_log_bytes',
  'too_many_payload_bytes',
  'overloaded',
  'log_nearly_full',
  'payloads_full',
  'database_unavailable',
  'webhooks_unavailable',
]);

export function isPassing(code: ProblemCode): boolean {
  return PASSING.has(code);
}

/** The answer to a request that failed. Of an unknown error the caller sees a fixed sentence; the log has it all. */
export function problemOf(error: unknown, c: Ctx, log: Logger): Response {
  if (error instanceof Refusal) return problem(c, error.code, error.options);
  if (error instanceof EventTooLarge) return problem(c, 'too_large');
  if (error instanceof HistoryOutOfReach) return problem(c, 'history_out_of_reach');
  if (error instanceof LogUnavailable) {
    c.env.reason = error.message;
    return problem(c, error instanceof LogFull ? 'log_nearly_full' : 'log_unavailable');
  }
  log.error({ err: error, request_id: c.env.requestId, route: c.env.route }, 'request_failed');
  return problem(c, 'internal_error');
}

const BROKEN_REQUESTS = {
  400: 'malformed_request',
  408: 'slow_request',
  417: 'unknown_expectation',
  429: 'too_many_requests',
  431: 'headers_too_large',
} as const satisfies Record<BrokenRequestStatus, ProblemCode>;

/** The answer to a request that no route ever saw, such as one that HTTP could not make sense of. */
export function problemOfBrokenRequest(status: BrokenRequestStatus): Response {
  const code = BROKEN_REQUESTS[status];
  const requestId = crypto.randomUUID();
  return problemResponse(code, { requestId, instance: `urn:uuid:${requestId}` });
}

/** The same of a gateway that has no log yet. */
export function problemOfStart(): Response {
  const requestId = crypto.randomUUID();
  return problemResponse('log_unavailable', { requestId, instance: `urn:uuid:${requestId}` });
}

function problem(c: Ctx, code: ProblemCode, options: RefusalOptions = {}): Response {
  c.env.code = code;
  const isHead = c.req.method === 'HEAD';
  return problemResponse(code, { ...c.env, isHead }, options);
}

/** The same for requests of which there are too many; it costs as little as an answer can. */
export function problemOfOverload(): PlainAnswer {
  const requestId = crypto.randomUUID();
  return plainProblem('overloaded', { requestId, instance: `urn:uuid:${requestId}` }, {});
}

/** An RFC 9457 answer. */
function problemResponse(...problem: Parameters<typeof plainProblem>): Response {
  const { status, headers, body } = plainProblem(...problem);
  return new Response(body, { status, headers });
}

function plainProblem(
  code: ProblemCode,
  request: { requestId: string; instance: string; isHead?: boolean },
  options: RefusalOptions = {},
): PlainAnswer {
  const kind: ProblemKind = PROBLEMS[code];
  const room = createErrorRoom();
  const errors = options.errors && room.take(options.errors);
  const problem: Problem = {
    type: `urn:errand:problem:${code}`,
    title: kind.title,
    status: kind.status,
    code,
    detail: options.detail ?? kind.detail,
    instance: request.instance,
    ...(errors ? { errors } : {}),
    ...(room.isShort() ? { more_errors: true } : {}),
  };
  const body = JSON.stringify(problem);
  return {
    status: kind.status,
    headers: {
      ...(request.isHead ? { 'content-length': String(Buffer.byteLength(body)) } : {}),
      'content-type': 'application/problem+json',
      'cache-control': 'no-store',
      'x-request-id': request.requestId,
      ...kind.headers,
      ...options.headers,
    },
    body,
  };
}
