import type { Db } from '@errand/postgres';
import { createSecretBox, type Logger } from '@errand/runtime';
import { createAddressRules } from './address-rules.ts';
import { attemptDelivery } from './attempt-delivery.ts';
import type { WebhooksConfig } from './config.ts';
import type { AttemptResult, DueDelivery } from './delivery-table.ts';
import { startDispatcher } from './dispatcher.ts';
import { createEgress } from './egress.ts';
import type { Endpoints } from './endpoints.ts';
import type { Metrics } from './metrics.ts';
import { createSecretsOpener } from './open-secrets.ts';
import { createRecorder } from './record-results.ts';
import { createHostResolver, createNameServerQuery, createSystemQuery } from './resolve-host.ts';
import type { RetrySchedule } from './retry-schedule.ts';
import { createSender } from './send.ts';

const CONNECT_TIMEOUT_MS = 5_000;

export interface Delivering extends AsyncDisposable {
  /** Says that there are deliveries to attempt. */
  wake(): void;
}

/**
 * Attempts what is due until disposed: then attempts under way may end within `shutdownGraceMs`. Those cut off, and
 * those whose result could not be stored, are made again by whoever dispatches next.
 */
export function startDelivering(
  config: WebhooksConfig,
  deps: {
    db: Db;
    openSession: () => Db;
    endpoints: Endpoints;
    schedule: RetrySchedule;
    now: () => number;
    log: Logger;
    metrics: Metrics;
  },
): Delivering {
  const { db, openSession, endpoints, schedule, now, log, metrics } = deps;
  const { attemptTimeoutMs, concurrency, pollIntervalMs, maxResponseBytes, keptResponseBytes } = config;
  const sender = createSender({
    timeoutMs: attemptTimeoutMs,
    connections: concurrency,
    maxResponseBytes,
    keptResponseBytes,
    connect: egressOf(config),
  });
  const openSecrets = createSecretsOpener(createSecretBox(config.secretKey));
  const recorder = createRecorder(db, (err) => log.error({ err }, 'results_not_stored'));
  const attempting = { sender, openSecrets, schedule, now, random: Math.random };
  const dispatcher = startDispatcher({
    db,
    openSession,
    endpoints,
    concurrency,
    pollIntervalMs,
    now,
    attempt: (delivery, endpoint) => attemptDelivery(delivery, endpoint, attempting),
    record: async (result, delivery) => {
      logAttempt(log, result, delivery);
      count(metrics, result);
      await recorder.record(result);
    },
    onLeading: (leading) => metrics.dispatching.set(leading ? 1 : 0),
    onCanceled: ({ tenantId, endpointId, deliveries }) => {
      metrics.ended.inc({ state: 'canceled' }, deliveries);
      log.info({ tenant_id: tenantId, endpoint_id: endpointId, deliveries }, 'webhooks_canceled');
    },
    onError: (err) => log.error({ err }, 'dispatch_failed'),
  });

  return {
    wake: dispatcher.wake,
    async [Symbol.asyncDispose]() {
      const stopped = dispatcher.stop();
      const late = Promise.withResolvers<void>();
      const timer = setTimeout(late.resolve, config.shutdownGraceMs);
      await Promise.race([stopped, late.promise]);
      clearTimeout(timer);
      await sender.destroy();
      recorder.close();
      await stopped;
    },
  };
}

function egressOf(config: WebhooksConfig) {
  const { allowHttp, allowCidrs, denyCidrs, dns, attemptTimeoutMs } = config;
  return createEgress({
    allowHttp,
    rules: createAddressRules({ allowCidrs, denyCidrs }),
    resolve: createHostResolver(dns === 'system' ? createSystemQuery() : createNameServerQuery()),
    connectTimeoutMs: Math.min(CONNECT_TIMEOUT_MS, attemptTimeoutMs),
  });
}

/** What became of an attempt, in one word. */
function outcomeWord(result: AttemptResult): string {
  return result.state === 'pending' ? 'retry' : result.state;
}

function logAttempt(log: Logger, result: AttemptResult, delivery: DueDelivery): void {
  log[result.errorCode === null ? 'info' : 'warn'](
    {
      event_id: result.event_id,
      job_id: delivery.job_id,
      tenant_id: delivery.tenant_id,
      endpoint_id: result.endpoint_id,
      attempt: result.attempt,
      status: result.status,
      error_code: result.errorCode,
      duration_ms: Math.round(result.durationMs),
      outcome: outcomeWord(result),
    },
    'webhook_attempted',
  );
}

function count(metrics: Metrics, result: AttemptResult): void {
  metrics.attempts.observe({ outcome: outcomeWord(result) }, result.durationMs / 1_000);
  if (result.errorCode !== null) metrics.failures.inc({ error_code: result.errorCode });
  if (result.state !== 'pending') metrics.ended.inc({ state: result.state });
}
