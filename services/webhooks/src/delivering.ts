import { randomUUID } from 'node:crypto';
import type { Bus } from '@errand/bus';
import type { Db } from '@errand/postgres';
import type { Logger } from '@errand/runtime';
import { attemptDelivery } from './attempt-delivery.ts';
import type { WebhooksConfig } from './config.ts';
import type { AttemptResult, DueDelivery, Inserted } from './delivery-table.ts';
import type { EndpointStates } from './endpoint-states.ts';
import type { Endpoints } from './endpoints.ts';
import { type Lanes, startLanes } from './lanes.ts';
import type { Metrics } from './metrics.ts';
import { createRecorder } from './record-results.ts';
import { repeat } from './repeat.ts';
import type { RetrySchedule } from './retry-schedule.ts';
import type { Sending } from './sending.ts';
import { shardOf } from './shard.ts';
import { type ShardLeases, startShardLeases } from './shard-leases.ts';

export interface Delivering extends AsyncDisposable {
  /** Says that these deliveries are due, here or to the processes that send them. */
  found(deliveries: readonly Inserted[]): void;
}

const FLUSH_INTERVAL_MS = 250;

/**
 * Attempts what is due for the endpoints that this process holds the leases of, until disposed: then attempts under
 * way may end within `shutdownGraceMs`. Those cut off, and those whose result could not be stored, are made again by
 * whoever takes the leases over.
 */
export function startDelivering(
  config: WebhooksConfig,
  deps: {
    db: Db;
    bus: Bus;
    endpoints: Endpoints;
    states: EndpointStates;
    sending: Sending;
    schedule: RetrySchedule;
    now: () => number;
    log: Logger;
    metrics: Metrics;
  },
): Delivering {
  const { db, bus, endpoints, states, sending, schedule, now, log, metrics } = deps;
  const recorder = createRecorder(db, (err) => log.error({ err }, 'results_not_stored'));
  const attempting = { ...sending, schedule, now, random: Math.random };
  const owned = (): ReadonlySet<number> => leases?.owned ?? new Set();
  let leases: ShardLeases | undefined;
  const lanes = startLanes({
    db,
    endpoints,
    states,
    slots: config.slots,
    now,
    random: Math.random,
    owns: (shard) => owned().has(shard),
    attempt: (delivery, endpoint) => attemptDelivery(delivery, endpoint, attempting),
    record: async (result, delivery) => {
      logAttempt(log, result, delivery);
      count(metrics, result);
      await recorder.record(result);
    },
    onCanceled: ({ tenantId, endpointId, deliveries }) => {
      metrics.ended.inc({ state: 'canceled' }, deliveries);
      log.info({ tenant_id: tenantId, endpoint_id: endpointId, deliveries }, 'webhooks_canceled');
    },
    onError: (err) => log.error({ err }, 'delivering_failed'),
  });
  leases = startShardLeases({
    db,
    owner: randomUUID(),
    leaseMs: config.leaseMs,
    onGained: async (shards) => {
      await states.load(shards, owned());
      log.info({ shards: shards.length }, 'shards_gained');
    },
    onLost: async (shards) => {
      log.info({ shards: shards.size }, 'shards_lost');
      await lanes.forgetShards(shards);
      await states.flush().catch((err) => log.error({ err }, 'states_not_stored'));
      states.forgetShards(shards);
    },
    onError: (err) => log.error({ err }, 'leases_failed'),
  });
  const stopRepeats = repeatAll(config, { lanes, leases, states, metrics, log });
  const stopHints = bus.onEndpointHints((hints) => {
    for (const hint of hints) lanes.found(hint);
  });

  return {
    found(deliveries) {
      const known = new Map(deliveries.map((each) => [each.endpoint_id, each]));
      const others = [];
      for (const { tenant_id: tenantId, endpoint_id: endpointId } of known.values()) {
        if (owned().has(shardOf(endpointId))) lanes.found({ tenantId, endpointId });
        else others.push({ tenantId, endpointId });
      }
      bus.hintEndpoints(others);
    },
    async [Symbol.asyncDispose]() {
      stopHints();
      const late = setTimeout(() => void sending.sender.destroy(), config.shutdownGraceMs);
      const cutOff = setTimeout(() => recorder.close(), config.shutdownGraceMs + RECORD_GRACE_MS);
      await stopRepeats();
      await leases?.stop();
      await lanes.stop();
      clearTimeout(late);
      clearTimeout(cutOff);
      recorder.close();
      await sending.sender.destroy();
    },
  };
}

/** How long a stop waits for results to be stored after the last attempt may have ended. */
const RECORD_GRACE_MS = 1_000;

function repeatAll(
  config: WebhooksConfig,
  deps: { lanes: Lanes; leases: ShardLeases; states: EndpointStates; metrics: Metrics; log: Logger },
): () => Promise<void> {
  const { lanes, leases, states, metrics, log } = deps;
  const sweep = async () => {
    await states.load([], leases.owned);
    await lanes.sweep([...leases.owned]);
    metrics.shards.set(leases.owned.size);
    metrics.underWay.set(lanes.inUse);
  };
  const stops = [
    repeat(sweep, config.sweepIntervalMs, (err) => log.error({ err }, 'sweep_failed')),
    repeat(states.flush, FLUSH_INTERVAL_MS, (err) => log.error({ err }, 'states_not_stored')),
  ];
  return async () => {
    await Promise.all(stops.map((stop) => stop()));
  };
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
