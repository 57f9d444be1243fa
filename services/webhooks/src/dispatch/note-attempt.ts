import type { Logger } from '@errand/runtime';
import type { AttemptResult, DueDelivery } from '../delivery-rows.ts';
import type { Metrics } from '../metrics.ts';

/** Logs an attempt and counts it. */
export function noteAttempt(
  result: AttemptResult,
  delivery: DueDelivery,
  { log, metrics }: { log: Logger; metrics: Metrics },
): void {
  const outcome = result.state === 'pending' ? 'retry' : result.state;
  log[result.errorCode === null ? 'info' : 'warn'](
    {
      event_id: result.event_id,
      job_id: delivery.job_id,
      tenant_id: delivery.tenant_id,
      endpoint_id: result.endpoint_id,
      attempt: result.attempt,
      trigger: result.trigger,
      status: result.status,
      error_code: result.errorCode,
      duration_ms: Math.round(result.durationMs),
      outcome,
    },
    'webhook_attempted',
  );
  metrics.attempts.observe({ outcome }, result.durationMs / 1_000);
  if (result.errorCode !== null) metrics.failures.inc({ error_code: result.errorCode });
  if (result.state !== 'pending') metrics.ended.inc({ state: result.state });
}
