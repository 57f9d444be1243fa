import {
  Histogram,
  type Logger,
  type Ops,
  type Span,
  type Tracing,
  traceIdOf,
  type Wire,
} from '@errand/runtime';
import type { Context } from 'hono';
import { traceParentOf } from './request-headers.ts';

/** One request and its answer: what the log line and the metrics say of it. Routes fill in what they learn. */
export interface Exchange {
  /** The caller's X-Request-Id if it has one that is fit to be logged, else an id made here. */
  readonly requestId: string;
  /** The same id as a URI reference. */
  readonly instance: string;
  /** Undefined where no server is between. */
  readonly wire: Wire | undefined;
  /** Undefined unless traces are wanted. */
  readonly span: Span | undefined;
  /** The span's, or else the caller's. */
  readonly traceparent: string | undefined;
  /** The route's pattern, so that metrics stay few. */
  route: string;
  tenantId: string | undefined;
  action: string | undefined;
  jobId: string | undefined;
  /** What the request has kept the process for, as far as it is measured. */
  busyMs: number;
  /** How long its lists took to be read, most of it in Postgres. */
  readMs: number;
  /** Waits for the caller's turn with work that keeps the process. */
  pace: (<T>(work: () => T) => Promise<T>) | undefined;
  /** Aborted when the key of the request is deleted. */
  keyGone: AbortSignal | undefined;
  /** What the answer says of the tenant's rate. */
  rateLimit?: Readonly<Record<string, string>> | undefined;
  /** The problem's code, if it is answered with one. */
  code: string | undefined;
  /** What an operator should know of a 503. */
  reason: string | undefined;
}

export interface Env {
  Bindings: Exchange;
}
export type Ctx = Context<Env>;

/** What ends the wait of a request: its caller is gone, or its key. */
export function endsOfWait(c: Ctx): AbortSignal[] {
  const { keyGone } = c.env;
  return keyGone ? [c.req.raw.signal, keyGone] : [c.req.raw.signal];
}

/** Does what may take long, and counts its time as the request's. */
export function busy<T>(c: Ctx, work: () => T): T {
  const began = performance.now();
  try {
    return work();
  } finally {
    c.env.busyMs += performance.now() - began;
  }
}

/** Handles a request, and calls `over` once its answer is: taken by the caller, or given up. */
export async function untilAnswered(
  c: Ctx,
  handle: () => Response | Promise<Response>,
  over: () => void,
): Promise<Response> {
  const outgoing = c.env.wire?.outgoing;
  if (outgoing && !outgoing.closed) {
    outgoing.once('close', over);
    return handle();
  }
  try {
    return await handle();
  } finally {
    over();
  }
}

/** What a port answers. */
export type Answer = (request: Request, wire?: Wire) => Promise<Response>;

/** An exchange slower than this is logged at info. */
const SLOW_MS = 1_000;
const REQUEST_ID = /^[A-Za-z0-9._~-]{1,128}$/;

/**
 * Wraps the application: each request gets an id, one wide log line and an observation of its duration. The line is
 * written at info for answers of 500 and above and for slow ones, at debug for all others.
 */
export function recordExchanges(deps: {
  log: Logger;
  metrics: Ops['metrics'];
  tracing?: Tracing | undefined;
}): (handle: (request: Request, exchange: Exchange) => Response | Promise<Response>) => Answer {
  const { log, tracing } = deps;
  const observe = createObserver(deps.metrics);
  return (handle) => async (request, wire) => {
    const beganAt = performance.now();
    const exchange = beginExchange(request, wire, tracing);
    const response = await handle(request, exchange);
    const durationMs = performance.now() - beganAt;
    const { status } = response;
    observe({ route: exchange.route, method: request.method, status, durationMs });
    if (exchange.span) endSpan(exchange.span, exchange, { method: request.method, status });
    const level = status >= 500 || durationMs >= SLOW_MS ? 'info' : 'debug';
    if (log.isLevelEnabled(level)) {
      log[level](
        {
          method: request.method,
          route: exchange.route,
          status,
          duration_ms: Math.round(durationMs * 100) / 100,
          tenant_id: exchange.tenantId,
          action: exchange.action,
          job_id: exchange.jobId,
          code: exchange.code,
          reason: exchange.reason,
          request_id: exchange.requestId,
          trace_id: traceIdOf(exchange.traceparent),
        },
        'request',
      );
    }
    return response;
  };
}

function beginExchange(
  { headers, method }: Request,
  wire: Wire | undefined,
  tracing: Tracing | undefined,
): Exchange {
  const given = headers.get('x-request-id');
  const parent = traceParentOf(headers.get('traceparent'));
  const span = tracing?.begin(method, { kind: 'server', parent });
  const accepted = given !== null && REQUEST_ID.test(given);
  const requestId = accepted ? given : crypto.randomUUID();
  return {
    requestId,
    instance: accepted ? requestId : `urn:uuid:${requestId}`,
    wire,
    span,
    traceparent: span?.traceparent ?? parent,
    route: 'unmatched',
    tenantId: undefined,
    action: undefined,
    jobId: undefined,
    busyMs: 0,
    readMs: 0,
    pace: undefined,
    keyGone: undefined,
    code: undefined,
    reason: undefined,
  };
}

/** By the semantic conventions of OpenTelemetry for HTTP servers. */
function endSpan(
  span: Span,
  exchange: Exchange,
  { method, status }: { method: string; status: number },
): void {
  span.name(`${method} ${exchange.route}`);
  span.set({
    'http.request.method': method,
    'http.route': exchange.route,
    'http.response.status_code': status,
    'errand.request_id': exchange.requestId,
    'errand.tenant_id': exchange.tenantId,
    'errand.action': exchange.action,
    'errand.job_id': exchange.jobId,
    'errand.code': exchange.code,
  });
  span.end(status >= 500 ? String(status) : undefined);
}

const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

/** Observes by route, method and status, and finds the series of each combination once. */
function createObserver(metrics: Ops['metrics']) {
  const durations = new Histogram({
    name: 'errand_http_request_duration_seconds',
    help: 'Time from the head of a request to its answer',
    labelNames: ['route', 'method', 'status'] as const,
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers: [metrics],
  });
  const series = new Map<string, { observe(seconds: number): void }>();
  return (seen: { route: string; method: string; status: number; durationMs: number }) => {
    // A caller may invent methods, and each would be a series for ever.
    const method = METHODS.has(seen.method) ? seen.method : 'other';
    const key = `${seen.route} ${method} ${seen.status}`;
    let known = series.get(key);
    if (!known) {
      known = durations.labels({ route: seen.route, method, status: String(seen.status) });
      series.set(key, known);
    }
    known.observe(seen.durationMs / 1_000);
  };
}
