import type { WebhookEndpoint } from '@errand/contracts';
import { type Db, shardOf } from '@errand/postgres';
import { type AttemptResult, type DueDelivery, idOf } from '../delivery-rows.ts';
import type { Endpoints } from '../endpoints/directory.ts';
import type { EndpointStates } from '../endpoints/health.ts';
import { createPacer, type Pacer, type Send } from '../pacing/pacer.ts';
import type { QueueKey } from '../pacing/queue-pages.ts';
import type { Attempted } from '../sending/attempt.ts';
import { isJobQueue, type Target, targetOf } from '../sending/target.ts';
import { type CancelGoneDeps, createCancelGone } from './cancel-gone.ts';
import { createDueReader } from './due-reader.ts';
import { findEndpoints } from './due-rows.ts';

/*
 * Sends what is due for the endpoints of this process's shards. The scheduler decides; here its reads and sends are
 * made and told back to it.
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

const DEFAULT_CONCURRENCY = 16;
const MAX_TIMER_MS = 60_000;

export interface DueSending {
  /** Says that an endpoint has something due. Others than those of this process's shards are passed over. */
  found(endpoint: { tenantId: string; endpointId: string }): void;
  /** Takes note that an endpoint's record was changed. */
  changed(before: WebhookEndpoint, after: WebhookEndpoint): void;
  /** Tries these again at once. */
  lifted(keys: readonly QueueKey[]): void;
  /** Looks for due work of these shards. */
  sweep(shards: readonly number[]): Promise<void>;
  /** Begins nothing more for these shards; resolves when nothing of them is under way. */
  forgetShards(shards: ReadonlySet<number>): Promise<void>;
  readonly inUse: number;
  /** Begins nothing more at all; resolves when nothing is under way. */
  stop(): Promise<void>;
}

export interface SendDueDeps extends CancelGoneDeps {
  readonly db: Db;
  readonly endpoints: Endpoints;
  readonly states: Pick<EndpointStates, 'breakerOf' | 'isDisabled' | 'observe' | 'renew'>;
  readonly slots: number;
  readonly owns: (shard: number) => boolean;
  /** Makes one attempt; undefined if it was cut off. */
  readonly attempt: (
    delivery: DueDelivery,
    how: { target: Target; probe: boolean },
  ) => Promise<Attempted | undefined>;
  /** Resolves once the result is durable; rejects if that is given up. */
  readonly record: (result: AttemptResult, delivery: DueDelivery) => Promise<void>;
  readonly random: () => number;
}

export function startSendingDue(deps: SendDueDeps): DueSending {
  const { now } = deps;
  const scheduler = createPacer<DueDelivery>({
    slots: deps.slots,
    limitsOf: (key, next) => limitsOf(deps, key, next),
    breakerOf: (key) => deps.states.breakerOf(key),
  });
  const inHand = new Set<string>();
  const tasks = createTasks(() => pump());
  const reader = createDueReader({
    ...{ db: deps.db, now, scheduler, inHand },
    onPages: () => pump(),
    onReading: (reading) => tasks.track(NO_SHARD, reading.catch(deps.onError)),
  });
  const cancelGone = createCancelGone(deps);
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  let pumping = false;

  /** Lets the scheduler decide, once for all that has happened until the end of this turn of the event loop. */
  function pump(): void {
    if (pumping || stopped) return;
    pumping = true;
    setImmediate(() => {
      pumping = false;
      if (stopped) return;
      const { sends, reads } = scheduler.next(now());
      for (const send of sends) {
        const delivering = deliver(send, { ...deps, scheduler, inHand, onAnswered: pump });
        tasks.track(send.queue.shard, delivering.catch(deps.onError));
      }
      reader.read(reads);
      clearTimeout(timer);
      const waitMs = Math.min(scheduler.wakeAtMs() - now(), MAX_TIMER_MS);
      timer = setTimeout(pump, Math.max(1, waitMs));
    });
  }

  function found(key: QueueKey, due: { dueMs: number; fresh: boolean }): void {
    if (stopped || !deps.owns(key.shard)) return;
    if (!isJobQueue(key.endpointId) && !deps.endpoints.find(key.tenantId, key.endpointId)) {
      return void cancelGone(key);
    }
    scheduler.found(key, due, now());
    pump();
  }

  return {
    get inUse() {
      return scheduler.inUse;
    },
    found: ({ tenantId, endpointId }) =>
      found({ tenantId, endpointId, shard: shardOf(endpointId) }, { dueMs: 0, fresh: true }),
    changed(before, { tenant_id: tenantId, endpoint_id: endpointId, url }) {
      const key = { tenantId, endpointId, shard: shardOf(endpointId) };
      if (stopped || !deps.owns(key.shard)) return;
      deps.states.renew(key);
      scheduler.renew(key, before.url === url ? 'lifted' : 'anew', now());
      pump();
    },
    lifted(keys) {
      for (const key of keys) scheduler.renew(key, 'lifted', now());
      pump();
    },
    async sweep(shards) {
      scheduler.tick(now());
      for (const { shard, endpoint_id, tenant_id, due_at } of await findEndpoints(deps.db, shards)) {
        const dueMs = due_at.getTime();
        found({ shard, endpointId: endpoint_id, tenantId: tenant_id }, { dueMs, fresh: false });
      }
      pump();
    },
    async forgetShards(shards) {
      scheduler.forgetShards(shards);
      await tasks.over(shards);
    },
    async stop() {
      stopped = true;
      reader.stop();
      clearTimeout(timer);
      await tasks.over();
    },
  };
}

/** Makes an attempt and stores its result, and tells the scheduler of both. */
async function deliver(
  send: Send<DueDelivery>,
  deps: SendDueDeps & {
    scheduler: Pacer<DueDelivery>;
    inHand: Set<string>;
    onAnswered: () => void;
  },
): Promise<void> {
  const { scheduler, inHand } = deps;
  const { queue, delivery, probe } = send;
  const id = idOf(delivery);
  inHand.add(id);
  try {
    const { tenantId, endpointId } = queue;
    const target = targetOf({ tenantId, endpointId, url: delivery.url }, deps.endpoints);
    const attempted = target && (await deps.attempt(delivery, { target, probe }));
    if (!target || !attempted) return scheduler.abandoned(send);
    const { outcome, endedMs, result } = attempted;
    if (isOfAnotherUrl(target, queue, deps.endpoints)) {
      await deps.record(result, delivery);
      return scheduler.abandoned(send);
    }
    const failed = outcome.kind === 'failed' ? outcome : undefined;
    const gone = failed?.errorCode === 'gone';
    const ofJobs = delivery.url !== null;
    scheduler.answered(send, {
      nowMs: endedMs,
      random: deps.random(),
      ok: failed === undefined,
      timedOut: failed?.errorCode === 'timeout',
      overloaded: failed?.overloaded ?? false,
      // One job's URL that is gone says nothing about those of others.
      holdUntilMs: gone && ofJobs ? null : (failed?.notBeforeMs ?? null),
    });
    deps.onAnswered();
    await deps.record(result, delivery);
    scheduler.stored(send, result.dueMs);
    deps.states.observe(queue, {
      ok: failed === undefined,
      gone: gone && !ofJobs,
      nowMs: endedMs,
      recordMs: ofJobs || !target.secretsOf ? null : Date.parse(target.secretsOf.updated_at),
      breaker: queue.state.breaker,
    });
  } catch (error) {
    scheduler.abandoned(send);
    throw error;
  } finally {
    inHand.delete(id);
  }
}

/** Whether an endpoint has another URL by now: how the one before answered says nothing about it. */
function isOfAnotherUrl({ url, secretsOf }: Target, queue: QueueKey, endpoints: Pick<Endpoints, 'find'>) {
  if (isJobQueue(queue.endpointId) || !secretsOf) return false;
  return endpoints.find(queue.tenantId, queue.endpointId)?.url !== url;
}

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

const hosts = new WeakMap<WebhookEndpoint, string>();

function limitsOf({ endpoints, states }: SendDueDeps, key: QueueKey, next: DueDelivery | undefined) {
  if (isJobQueue(key.endpointId)) {
    return { maxConcurrency: DEFAULT_CONCURRENCY, maxRps: null, origin: next?.url ? hostOf(next.url) : '' };
  }
  const endpoint = endpoints.find(key.tenantId, key.endpointId);
  if (!endpoint?.enabled || states.isDisabled(endpoint)) return undefined;
  const host = hosts.get(endpoint) ?? hostOf(endpoint.url);
  hosts.set(endpoint, host);
  return {
    maxConcurrency: endpoint.max_concurrency ?? DEFAULT_CONCURRENCY,
    maxRps: endpoint.max_rps ?? null,
    origin: host,
  };
}

function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : url;
}
