import type { AttemptTrigger } from '@errand/postgres';
import type { Span } from '@errand/runtime';
import type { AttemptResult, DueDelivery } from '../delivery-rows.ts';
import { nextAttempt, type RetrySchedule } from '../pacing/retry-schedule.ts';
import { composeRequest, loggedHeaders, type Message, type RequestTrigger } from './compose-request.ts';
import { type Exchange, type Outcome, outcomeOf } from './outcome.ts';
import type { Sending } from './sender.ts';
import type { Target } from './target.ts';

export interface AttemptDeps extends Sending {
  readonly schedule: RetrySchedule;
  readonly now: () => number;
  readonly random: () => number;
}

export interface Attempted {
  /** To be stored. */
  readonly result: AttemptResult;
  readonly outcome: Outcome;
  readonly endedMs: number;
}

/** Tries once to deliver; undefined if the attempt was cut off by a stop and counts for nothing. */
export async function attemptDelivery(
  delivery: DueDelivery,
  { target, probe }: { target: Target; probe: boolean },
  deps: AttemptDeps,
): Promise<Attempted | undefined> {
  const startedMs = deps.now();
  const began = performance.now();
  const attempt = delivery.attempts + 1;
  const trigger: AttemptTrigger = probe ? 'probe' : delivery.trigger;
  const { exchange, requestHeaders } = await sendAttempt(
    { message: delivery, target, attempt, trigger, nowMs: startedMs },
    deps,
  );
  if (exchange.kind === 'abandoned') return undefined;
  const endedMs = deps.now();
  const outcome = outcomeOf(exchange, { nowMs: endedMs, maxRetryAfterMs: deps.maxRetryAfterMs });
  const result = {
    event_id: delivery.event_id,
    endpoint_id: delivery.endpoint_id,
    attempt,
    trigger,
    startedMs,
    durationMs: performance.now() - began,
    status: exchange.status,
    errorCode: outcome.kind === 'delivered' ? null : outcome.errorCode,
    requestHeaders,
    response: exchange.kind === 'answered' ? exchange.response : null,
    ...whatBecomesOf(delivery, outcome, { attempt, endedMs, deps }),
  };
  return { result, outcome, endedMs };
}

/** One exchange, and what was sent. */
export async function sendAttempt(
  options: { message: Message; target: Target; attempt: number; trigger: RequestTrigger; nowMs: number },
  deps: Sending,
): Promise<{ exchange: Exchange | { kind: 'abandoned' }; requestHeaders: Record<string, string> }> {
  const { target } = options;
  let requestHeaders: Record<string, string> = {};
  const span = deps.tracing?.begin(target.method, {
    kind: 'client',
    parent: options.message.traceparent ?? undefined,
    attributes: aboutCall(options),
  });
  try {
    const secrets = deps.openSecrets(target.secretsOf);
    const { traceparent } = span ?? options.message;
    const request = composeRequest({ ...options, secrets, traceparent });
    requestHeaders = loggedHeaders(request, secrets);
    const exchange = await deps.sender.send(target.endpointId, request);
    if (span) endSpan(span, exchange);
    return { exchange, requestHeaders };
  } catch (error) {
    span?.end('broken');
    // Secrets that are missing or do not open; sending itself does not throw.
    return { exchange: { kind: 'broken', status: null, error }, requestHeaders };
  }
}

/** By the semantic conventions of OpenTelemetry for HTTP clients; the URL may hold secrets, so its host is told alone. */
function aboutCall({ message, target, attempt, trigger }: Parameters<typeof sendAttempt>[0]) {
  return {
    'http.request.method': target.method,
    'server.address': URL.canParse(target.url) ? new URL(target.url).hostname : undefined,
    'http.request.resend_count': attempt - 1,
    'errand.tenant_id': message.tenant_id,
    'errand.job_id': message.job_id ?? undefined,
    'errand.event_id': message.event_id,
    'errand.endpoint_id': target.endpointId,
    'errand.trigger': trigger,
  };
}

function endSpan(span: Span, exchange: Exchange | { kind: 'abandoned' }): void {
  const status = 'status' in exchange ? exchange.status : null;
  if (status !== null) span.set({ 'http.response.status_code': status });
  const isRefused = status !== null && status >= 400;
  span.end(exchange.kind === 'answered' ? (isRefused ? String(status) : undefined) : exchange.kind);
}

function whatBecomesOf(
  delivery: DueDelivery,
  outcome: Outcome,
  { attempt, endedMs, deps }: { attempt: number; endedMs: number; deps: AttemptDeps },
): Pick<AttemptResult, 'state' | 'dueMs'> {
  if (outcome.kind === 'delivered') return { state: 'delivered', dueMs: null };
  if (outcome.final) return { state: 'failed', dueMs: null };
  const next = nextAttempt(deps.schedule, {
    attempt: attempt - delivery.schedule_offset,
    nowMs: endedMs,
    expiresAtMs: delivery.expires_at.getTime(),
    random: deps.random(),
  });
  switch (next.kind) {
    case 'at':
      return { state: 'pending', dueMs: next.timeMs };
    case 'exhausted':
      return { state: 'failed', dueMs: null };
    case 'expired':
      return { state: 'expired', dueMs: null };
  }
}
