import { randomUUID } from 'node:crypto';
import type { Bus } from '@errand/bus';
import { type Db, shardOf } from '@errand/postgres';
import { type Logger, repeat } from '@errand/runtime';
import type { WebhooksConfig } from '../config.ts';
import { type Inserted, withResults } from '../delivery-rows.ts';
import type { Endpoints } from '../endpoints/directory.ts';
import type { EndpointStates } from '../endpoints/health.ts';
import type { Metrics } from '../metrics.ts';
import type { RetrySchedule } from '../pacing/retry-schedule.ts';
import { attemptDelivery } from '../sending/attempt.ts';
import type { Sending } from '../sending/sending.ts';
import { createRecorder, type Recorder } from './attempt-recorder.ts';
import { noteAttempt } from './note-attempt.ts';
import { type DueSending, startSendingDue } from './send-due.ts';
import { type ShardLeases, startShardLeases } from './shard-leases.ts';

export interface Delivering extends AsyncDisposable {
  /** Says that these deliveries are due, here or to the processes that send them. */
  found(deliveries: readonly Inserted[]): void;
  /** Has an endpoint tried again that is left alone for a while, here or by the process that sends to it. */
  lift(endpoint: { tenantId: string; endpointId: string }): Promise<void>;
}

const FLUSH_INTERVAL_MS = 250;

export interface DeliveringDeps {
  readonly db: Db;
  readonly bus: Bus;
  readonly endpoints: Endpoints;
  readonly states: EndpointStates;
  readonly sending: Sending;
  readonly schedule: RetrySchedule;
  readonly now: () => number;
  readonly log: Logger;
  readonly metrics: Metrics;
}

/**
 * Attempts what is due for the endpoints that this process holds the leases of, until disposed: then attempts under
 * way may end within `shutdownGraceMs`. Those cut off, and those whose result could not be stored, are made again by
 * whoever takes the leases over.
 */
export function startDelivering(config: WebhooksConfig, deps: DeliveringDeps): Delivering {
  const { db, bus, endpoints, states, sending, log, metrics } = deps;
  const recorder = createRecorder(db, (err) => log.error({ err }, 'results_not_stored'));
  const owned = (): ReadonlySet<number> => leases?.owned ?? new Set();
  let leases: ShardLeases | undefined;
  const queues = sendingOf(config, { ...deps, recorder, owned });
  leases = leasesOf(config, { ...deps, queues, owned });
  const look = async () => queues.lifted(await states.load([], owned()));
  const stopRepeats = repeatAll(config, { queues, leases, look, states, metrics, log });
  endpoints.follow(queues.changed);
  const stopHints = bus.onEndpointHints((hints) => {
    for (const hint of hints) queues.found(hint);
  });

  return {
    found(deliveries) {
      const known = new Map(deliveries.map((each) => [each.endpoint_id, each]));
      const others = [];
      for (const { tenant_id: tenantId, endpoint_id: endpointId } of known.values()) {
        if (owned().has(shardOf(endpointId))) queues.found({ tenantId, endpointId });
        else others.push({ tenantId, endpointId });
      }
      bus.hintEndpoints(others);
    },
    async lift(endpoint) {
      await states.lift(endpoint);
      await look();
    },
    async [Symbol.asyncDispose]() {
      stopHints();
      const late = setTimeout(() => void sending.sender.destroy(), config.shutdownGraceMs);
      const cutOff = setTimeout(() => recorder.close(), config.shutdownGraceMs + RECORD_GRACE_MS);
      await stopRepeats();
      await leases?.stop();
      await queues.stop();
      clearTimeout(late);
      clearTimeout(cutOff);
      recorder.close();
      await sending.sender.destroy();
    },
  };
}

type Owned = () => ReadonlySet<number>;

function sendingOf(
  config: WebhooksConfig,
  deps: DeliveringDeps & { recorder: Recorder; owned: Owned },
): DueSending {
  const { db, endpoints, states, sending, schedule, now, log, metrics, recorder, owned } = deps;
  const attempting = { ...sending, schedule, now, random: Math.random };
  return startSendingDue({
    ...{ db, endpoints, states, now },
    slots: config.slots,
    random: Math.random,
    owns: (shard) => owned().has(shard),
    attempt: async (delivery, how) => attemptDelivery(await withResults(db, delivery), how, attempting),
    record: async (result, delivery) => {
      noteAttempt(result, delivery, { log, metrics });
      await recorder.record(result);
    },
    onCanceled: ({ tenantId, endpointId, deliveries }) => {
      metrics.ended.inc({ state: 'canceled' }, deliveries);
      log.info({ tenant_id: tenantId, endpoint_id: endpointId, deliveries }, 'webhooks_canceled');
    },
    onError: (err) => log.error({ err }, 'delivering_failed'),
  });
}

function leasesOf(
  config: WebhooksConfig,
  deps: DeliveringDeps & { queues: DueSending; owned: Owned },
): ShardLeases {
  const { db, states, log, queues, owned } = deps;
  return startShardLeases({
    db,
    owner: randomUUID(),
    leaseMs: config.leaseMs,
    onGained: async (shards) => {
      await states.load(shards, owned());
      log.info({ shards: shards.length }, 'shards_gained');
    },
    onLost: async (shards) => {
      log.info({ shards: shards.size }, 'shards_lost');
      await queues.forgetShards(shards);
      await states.flush().catch((err) => log.error({ err }, 'states_not_stored'));
      // An attempt may have ended so late that the shard is this process's again.
      states.forgetShards(new Set([...shards].filter((shard) => !owned().has(shard))));
    },
    onError: (err) => log.error({ err }, 'leases_failed'),
  });
}

/** How long a stop waits for results to be stored after the last attempt may have ended. */
const RECORD_GRACE_MS = 1_000;

function repeatAll(
  config: WebhooksConfig,
  deps: {
    queues: DueSending;
    leases: ShardLeases;
    look: () => Promise<void>;
    states: EndpointStates;
    metrics: Metrics;
    log: Logger;
  },
): () => Promise<void> {
  const { queues, leases, look, states, metrics, log } = deps;
  const sweep = async () => {
    await look();
    await queues.sweep([...leases.owned]);
    metrics.shards.set(leases.owned.size);
    metrics.underWay.set(queues.inUse);
  };
  const stopped = new AbortController();
  const every = (everyMs: number, failed: string, call: () => Promise<void>) =>
    repeat(call, { everyMs, signal: stopped.signal, onError: (err) => log.error({ err }, failed) });
  const repeating = Promise.all([
    every(config.sweepIntervalMs, 'sweep_failed', sweep),
    every(FLUSH_INTERVAL_MS, 'states_not_stored', states.flush),
  ]);
  return async () => {
    stopped.abort();
    await repeating;
  };
}
