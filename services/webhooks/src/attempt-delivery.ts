import type { WebhookEndpoint } from '@errand/contracts';
import { composeRequest } from './compose-request.ts';
import type { AttemptResult, DueDelivery } from './delivery-table.ts';
import type { OpenedSecrets } from './open-secrets.ts';
import { type Exchange, outcomeOf } from './outcome.ts';
import { nextAttempt, type RetrySchedule } from './retry-schedule.ts';
import type { Sender } from './send.ts';

export interface AttemptDeps {
  readonly sender: Sender;
  readonly openSecrets: (endpoint: WebhookEndpoint) => OpenedSecrets;
  readonly schedule: RetrySchedule;
  readonly now: () => number;
  readonly random: () => number;
}

/** Tries once to deliver; undefined if the attempt was cut off by a stop and counts for nothing. */
export async function attemptDelivery(
  delivery: DueDelivery,
  endpoint: WebhookEndpoint,
  deps: AttemptDeps,
): Promise<AttemptResult | undefined> {
  const startedMs = deps.now();
  const began = performance.now();
  const attempt = delivery.attempts + 1;
  const exchange = await sendAttempt({ delivery, endpoint, attempt, nowMs: startedMs }, deps);
  if (exchange.kind === 'abandoned') return undefined;
  const { event_id, endpoint_id } = delivery;
  const nowMs = deps.now();
  const attempted = {
    event_id,
    endpoint_id,
    attempt,
    startedMs,
    durationMs: performance.now() - began,
    status: exchange.status,
    response: exchange.kind === 'answered' ? exchange.response : null,
  };
  const outcome = outcomeOf(exchange, nowMs);
  if (outcome.kind === 'delivered') {
    return { ...attempted, errorCode: null, state: 'delivered', dueMs: null };
  }
  const { errorCode, notBeforeMs } = outcome;
  const expiresAtMs = delivery.expires_at.getTime();
  const next = nextAttempt(deps.schedule, {
    attempt,
    nowMs,
    expiresAtMs,
    notBeforeMs,
    random: deps.random(),
  });
  switch (next.kind) {
    case 'at':
      return { ...attempted, errorCode, state: 'pending', dueMs: next.timeMs };
    case 'exhausted':
      return { ...attempted, errorCode, state: 'failed', dueMs: null };
    case 'expired':
      return { ...attempted, errorCode, state: 'expired', dueMs: null };
  }
}

async function sendAttempt(
  options: { delivery: DueDelivery; endpoint: WebhookEndpoint; attempt: number; nowMs: number },
  deps: AttemptDeps,
): Promise<Exchange | { kind: 'abandoned' }> {
  const { delivery, endpoint, attempt, nowMs } = options;
  try {
    const secrets = deps.openSecrets(endpoint);
    const request = composeRequest({ endpoint, secrets, message: delivery, attempt, nowMs });
    return await deps.sender.send(endpoint.endpoint_id, request);
  } catch (error) {
    // Secrets that do not open; sending itself does not throw.
    return { kind: 'broken', status: null, error };
  }
}
