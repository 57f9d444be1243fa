import { randomUUID } from 'node:crypto';
import type { Bus } from '@errand/bus';
import { type Db, shardOf } from '@errand/postgres';
import { createDelayed, createRepeats, type Logger } from '@errand/runtime';
import type { WebhooksConfig } from '../config.ts';
import { type DueDelivery, type Inserted, idOf, withResults } from '../delivery-rows.ts';
import type { Endpoints } from '../endpoints/directory.ts';
import type { EndpointStates } from '../endpoints/endpoint-states.ts';
import type { Metrics } from '../metrics.ts';
import { createPacer, type Send } from '../pacing/pacer.ts';
import type { QueueKey } from '../pacing/queue-pages.ts';
import type { RetrySchedule } from '../pacing/retry-schedule.ts';
import { type Attempted, attemptDelivery } from '../sending/attempt.ts';
import type { Sending } from '../sending/sender.ts';
import { isJobQueue, type Target, targetOf } from '../sending/target.ts';
import { createRecorder, noteAttempt } from './attempt-recorder.ts';
import { createBacklog } from './backlog.ts';
import { createCancelGone } from './cancel-gone.ts';
import { createDueReader } from './due-reader.ts';
import { findEndpoints } from './due-rows.ts';
import { limitsOf } from './limits-of.ts';
import { startShardLeases } from './shard-leases.ts';

/*
 * Owns the way of a delivery from its row to its result:
 *
 *   claim    the shards of endpoints that this process sends for   shard-leases.ts
 *   pick     whose turn it is, and of which rows                   pacing/pacer.ts, due-reader.ts
 *   send     one attempt                                           sending/attempt.ts
 *   record   its result                                            attempt-recorder.ts
 *
 *   an endpoint that is   gets
 *   enabled               what its queue allows
 *   paused, disabled      nothing: what it has pending waits until it expires
 *   not known             its pending deliveries canceled, once the bucket confirms it
 *   changed               a probe at once if its breaker is open; under another URL, a queue that begins anew
 *   the queue of jobs' own webhooks
 *                         what its queue allows
 *
 * A delivery keeps its slot until its result is stored, so while Postgres is away no more are sent than there are
 * slots. That a delivery is being sent is known to this process only: one that dies leaves nothing to clean up, and one
 * that loses its leases for a while passes over what it still has in hand when it gets them back.
 */

export interface Dispatcher extends AsyncDisposable {
  /** Says that these deliveries are due, here or to the processes that send them. */
  found(deliveries: readonly Pick<Inserted, 'tenant_id' | 'endpoint_id'>[]): void;
  /** Has an endpoint tried again that is left alone for a while, here or by the process that sends to it. */
  lift(endpoint: { tenantId: string; endpointId: string }): Promise<void>;
}

export interface DispatcherDeps {
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

const FLUSH_AFTER_MS = 250;
const MAX_TIMER_MS = 60_000;
/** How long a stop waits for results to be stored after the last attempt may have ended. */
const RECORD_GRACE_MS = 1_000;

/**
 * Attempts what is due for the endpoints that this process holds the leases of, until disposed: then attempts under
 * way may end within `shutdownGraceMs`. Those cut off, and those whose result could not be stored, are made again by
 * whoever takes the leases over.
 */
export function startDispatcher(config: WebhooksConfig, deps: DispatcherDeps): Dispatcher {
  const { db, bus, endpoints, states, sending, now, log, metrics } = deps;
  const tell = (what: string) => (err: unknown) => log.error({ err }, what);
  const owned = new Set<number>();
  const inHand = new Set<string>();
  const stopped = new AbortController();
  const pacer = createPacer<DueDelivery>({
    slots: config.slots,
    limitsOf: (key, next) => limitsOf(deps, key, next),
    breakerOf: states.breakerOf,
  });
  const tasks = createTasks(() => pump());
  const reader = createDueReader({
    db,
    now,
    pacer,
    inHand,
    onPages: () => pump(),
    onReading: (reading) => tasks.track(NO_SHARD, reading.catch(tell('delivering_failed'))),
  });
  const recorder = createRecorder(db, tell('results_not_stored'));
  const cancelGone = createCancelGone({
    db,
    endpoints,
    now,
    onCanceled({ tenantId, endpointId, deliveries }) {
      metrics.ended.inc({ state: 'canceled' }, deliveries);
      log.info({ tenant_id: tenantId, endpoint_id: endpointId, deliveries }, 'webhooks_canceled');
    },
    onError: tell('delivering_failed'),
  });
  const backlog = createBacklog({
    db,
    now,
    healthOf(key) {
      if (!limitsOf(deps, key, undefined)) return undefined;
      return states.breakerOf(key).kind === 'closed' ? 'healthy' : 'failing';
    },
  });
  metrics.measureBacklog(backlog);
  let timer: NodeJS.Timeout | undefined;
  let pumping = false;

  /** Lets the pacer decide, once for all that has happened until the end of this turn of the event loop. */
  function pump(): void {
    if (pumping || stopped.signal.aborted) return;
    pumping = true;
    setImmediate(() => {
      pumping = false;
      if (stopped.signal.aborted) return;
      const { sends, reads } = pacer.next(now());
      for (const send of sends) tasks.track(send.queue.shard, deliver(send).catch(tell('delivering_failed')));
      reader.read(reads);
      clearTimeout(timer);
      timer = setTimeout(pump, Math.max(1, Math.min(pacer.wakeAtMs() - now(), MAX_TIMER_MS)));
    });
  }

  function found(
    { tenantId, endpointId }: Pick<QueueKey, 'tenantId' | 'endpointId'>,
    due = { dueMs: 0, fresh: true },
  ): void {
    const key = { tenantId, endpointId, shard: shardOf(endpointId) };
    if (stopped.signal.aborted || !owned.has(key.shard)) return;
    if (!isJobQueue(endpointId) && !endpoints.find(tenantId, endpointId)) return void cancelGone(key);
    pacer.found(key, due, now());
    pump();
  }

  async function lookForLifted(): Promise<void> {
    for (const key of await states.load([], owned)) pacer.renew(key, 'lifted', now());
    pump();
  }

  /** Looks for due work that nobody told of. */
  async function sweep(): Promise<void> {
    await lookForLifted();
    pacer.tick(now());
    const endpointsWithWork = await findEndpoints(db, [...owned]);
    backlog.saw(endpointsWithWork);
    for (const { endpoint_id, tenant_id, due_at } of endpointsWithWork) {
      found({ tenantId: tenant_id, endpointId: endpoint_id }, { dueMs: due_at.getTime(), fresh: false });
    }
    pump();
    metrics.shards.set(owned.size);
    metrics.underWay.set(pacer.inUse);
  }

  /** Makes an attempt and stores its result, and tells the pacer of both. */
  async function deliver(send: Send<DueDelivery>): Promise<void> {
    const { queue, delivery, probe } = send;
    const id = idOf(delivery);
    inHand.add(id);
    try {
      const { tenantId, endpointId } = queue;
      const target = targetOf({ tenantId, endpointId, url: delivery.url }, endpoints);
      const attempted =
        target &&
        (await attemptDelivery(
          await withResults(db, delivery),
          { target, probe },
          { ...sending, schedule: deps.schedule, now, random: Math.random },
        ));
      if (!target || !attempted) return pacer.abandoned(send);
      if (hasMoved(target, queue)) {
        await record(attempted, delivery);
        return pacer.abandoned(send);
      }
      const failed = attempted.outcome.kind === 'failed' ? attempted.outcome : undefined;
      const gone = failed?.errorCode === 'gone';
      const ofJobs = delivery.url !== null;
      pacer.answered(send, {
        nowMs: attempted.endedMs,
        random: Math.random(),
        ok: failed === undefined,
        timedOut: failed?.errorCode === 'timeout',
        overloaded: failed?.overloaded ?? false,
        // One job's URL that is gone says nothing about those of others.
        heldUntilMs: gone && ofJobs ? null : (failed?.heldUntilMs ?? null),
      });
      pump();
      await record(attempted, delivery);
      pacer.stored(send, attempted.result.dueMs);
      states.observe(queue, {
        ok: failed === undefined,
        gone: gone && !ofJobs,
        nowMs: attempted.endedMs,
        recordMs: ofJobs || !target.secretsOf ? null : Date.parse(target.secretsOf.updated_at),
        breaker: queue.state.breaker,
      });
    } catch (error) {
      pacer.abandoned(send);
      throw error;
    } finally {
      inHand.delete(id);
    }
  }

  async function record({ result }: Attempted, delivery: DueDelivery): Promise<void> {
    noteAttempt(result, delivery, { log, metrics });
    await recorder.record(result);
  }

  /** Whether an endpoint has another URL by now: how the one before answered says nothing about it. */
  function hasMoved({ url, secretsOf }: Target, { tenantId, endpointId }: QueueKey): boolean {
    if (isJobQueue(endpointId) || !secretsOf) return false;
    return endpoints.find(tenantId, endpointId)?.url !== url;
  }

  const leases = startShardLeases({
    db,
    owned,
    owner: randomUUID(),
    leaseMs: config.leaseMs,
    async onGained(shards) {
      await states.load(shards, owned);
      log.info({ shards: shards.length }, 'shards_gained');
    },
    async onLost(shards) {
      log.info({ shards: shards.size }, 'shards_lost');
      pacer.forgetShards(shards);
      await tasks.over(shards);
      await states.flush().catch(tell('states_not_stored'));
      // An attempt may have ended so late that the shard is this process's again.
      states.forgetShards(new Set([...shards].filter((shard) => !owned.has(shard))));
    },
    onError: tell('leases_failed'),
  });
  const stopRepeating = new AbortController();
  const every = createRepeats({ signal: stopRepeating.signal, log });
  const repeating = Promise.all([every(config.sweepIntervalMs, 'sweep_failed', sweep)]);
  const { signal } = stopRepeating;
  states.onChanged(
    createDelayed(states.flush, { afterMs: FLUSH_AFTER_MS, signal, onError: tell('states_not_stored') }),
  );
  endpoints.follow((before, after) => {
    const { tenant_id: tenantId, endpoint_id: endpointId, url } = after;
    const key = { tenantId, endpointId, shard: shardOf(endpointId) };
    if (stopped.signal.aborted || !owned.has(key.shard)) return;
    states.renew(key);
    pacer.renew(key, before.url === url ? 'lifted' : 'anew', now());
    pump();
  });
  const stopHints = bus.commands.onEndpointHints((hints) => {
    for (const hint of hints) found(hint);
  });

  return {
    found(deliveries) {
      const known = new Map(deliveries.map((each) => [each.endpoint_id, each]));
      const others = [];
      for (const { tenant_id: tenantId, endpoint_id: endpointId } of known.values()) {
        if (owned.has(shardOf(endpointId))) found({ tenantId, endpointId });
        else others.push({ tenantId, endpointId });
      }
      bus.commands.hintEndpoints(others);
    },
    async lift(endpoint) {
      await states.lift(endpoint);
      await lookForLifted();
    },
    async [Symbol.asyncDispose]() {
      stopHints();
      const late = setTimeout(() => void sending.sender.destroy(), config.shutdownGraceMs);
      const cutOff = setTimeout(() => recorder.close(), config.shutdownGraceMs + RECORD_GRACE_MS);
      stopRepeating.abort();
      await repeating;
      await leases.stop();
      stopped.abort();
      reader.stop();
      clearTimeout(timer);
      await tasks.over();
      clearTimeout(late);
      clearTimeout(cutOff);
      recorder.close();
      await sending.sender.destroy();
    },
  };
}

/** Of work that belongs to no shard. */
const NO_SHARD = -1;

/** Keeps what is under way, by shard; `onEnd` is called after each end. */
function createTasks(onEnd: () => void) {
  const underWay = new Map<Promise<void>, number>();
  return {
    /** What is tracked must not reject. */
    track(shard: number, work: Promise<void>): void {
      const tracked = work.finally(() => {
        underWay.delete(tracked);
        onEnd();
      });
      underWay.set(tracked, shard);
    },
    /** Resolves when what was under way of these shards, or of all, has ended. */
    async over(shards?: ReadonlySet<number>): Promise<void> {
      const works = [...underWay].filter(([, shard]) => !shards || shards.has(shard));
      await Promise.all(works.map(([work]) => work));
    },
  };
}
