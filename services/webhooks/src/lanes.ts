import type { WebhookEndpoint } from '@errand/contracts';
import type { Db } from '@errand/postgres';
import type { Attempted } from './attempt-delivery.ts';
import { type AttemptResult, cancelPending, type DueDelivery } from './delivery-table.ts';
import { findEndpoints, readPages } from './due-table.ts';
import type { EndpointStates } from './endpoint-states.ts';
import type { Endpoints } from './endpoints.ts';
import { createLaneScheduler, type LaneKey, type Read, type Send } from './lane-scheduler.ts';
import { shardOf } from './shard.ts';

/*
 * Sends what is due for the endpoints of this process's shards. The scheduler decides; here its reads and sends are
 * made and told back to it.
 *
 *   an endpoint that is   gets
 *   enabled               what its lane allows
 *   paused, disabled      nothing: what it has pending waits until it expires
 *   not known             its pending deliveries canceled, once the bucket confirms it
 *
 * A delivery keeps its slot until its result is stored, so while Postgres is away no more are sent than there are
 * slots. That a delivery is being sent is known to this process only: one that dies leaves nothing to clean up.
 */

const DEFAULT_CONCURRENCY = 16;
/** Lanes whose pages are read by one statement. */
const PAGES_AT_ONCE = 64;

export interface Lanes {
  /** Says that an endpoint has something due. Others than those of this process's shards are passed over. */
  found(endpoint: { tenantId: string; endpointId: string }): void;
  /** Looks for due work of these shards. */
  sweep(shards: readonly number[]): Promise<void>;
  /** Begins nothing more for these shards; resolves when nothing of them is under way. */
  forgetShards(shards: ReadonlySet<number>): Promise<void>;
  readonly inUse: number;
  /** Begins nothing more at all; resolves when nothing is under way. */
  stop(): Promise<void>;
}

export interface LanesDeps {
  readonly db: Db;
  readonly endpoints: Endpoints;
  readonly states: EndpointStates;
  readonly slots: number;
  readonly owns: (shard: number) => boolean;
  /** Makes one attempt; undefined if it was cut off. */
  readonly attempt: (delivery: DueDelivery, endpoint: WebhookEndpoint) => Promise<Attempted | undefined>;
  /** Resolves once the result is durable; rejects if that is given up. */
  readonly record: (result: AttemptResult, delivery: DueDelivery) => Promise<void>;
  readonly now: () => number;
  readonly random: () => number;
  readonly onCanceled: (canceled: { tenantId: string; endpointId: string; deliveries: number }) => void;
  readonly onError: (error: unknown) => void;
}

export function startLanes(deps: LanesDeps): Lanes {
  const { now } = deps;
  const scheduler = createLaneScheduler<DueDelivery>({
    slots: deps.slots,
    limitsOf: (key) => limitsOf(deps, key),
    breakerOf: (key) => deps.states.breakerOf(key),
  });
  const underWay = new Map<Promise<void>, number>();
  const confirming = new Set<string>();
  let wanted: Read<DueDelivery>[] = [];
  let reading = false;
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  let pumping = false;

  /** Lets the scheduler decide, once for all that has happened until the end of this turn of the event loop. */
  function pump(): void {
    if (pumping || stopped) return;
    pumping = true;
    setImmediate(() => {
      pumping = false;
      if (stopped) return;
      const { sends, reads } = scheduler.next(now());
      for (const send of sends) track(send.lane.shard, deliver(send));
      wanted.push(...reads);
      if (!reading && wanted.length > 0) track(-1, readAll());
      clearTimeout(timer);
      const waitMs = Math.min(scheduler.wakeAtMs() - now(), MAX_TIMER_MS);
      timer = setTimeout(pump, Math.max(1, waitMs));
    });
  }

  function track(shard: number, work: Promise<void>): void {
    const tracked = work.catch(deps.onError).finally(() => {
      underWay.delete(tracked);
      pump();
    });
    underWay.set(tracked, shard);
  }

  async function deliver(send: Send<DueDelivery>): Promise<void> {
    const { lane, delivery } = send;
    let attempted: Attempted | undefined;
    try {
      const endpoint = deps.endpoints.find(lane.tenantId, lane.endpointId);
      attempted = endpoint && (await deps.attempt(delivery, endpoint));
      if (!endpoint || !attempted) return scheduler.abandoned(send);
      const { outcome, endedMs, result } = attempted;
      await deps.record(result, delivery);
      const failed = outcome.kind === 'failed' ? outcome : undefined;
      scheduler.ended(send, {
        nowMs: endedMs,
        random: deps.random(),
        ok: failed === undefined,
        timedOut: failed?.errorCode === 'timeout',
        overloaded: failed?.overloaded ?? false,
        holdUntilMs: failed?.notBeforeMs ?? null,
        dueMs: result.dueMs,
      });
      deps.states.observe(lane, {
        ok: failed === undefined,
        gone: failed?.errorCode === 'gone',
        nowMs: endedMs,
        recordMs: Date.parse(endpoint.updated_at),
        breaker: lane.state.breaker,
      });
    } catch (error) {
      scheduler.abandoned(send);
      throw error;
    }
  }

  /** Reads pages until none is wanted; those that are wanted meanwhile go together into the next statement. */
  async function readAll(): Promise<void> {
    reading = true;
    try {
      while (wanted.length > 0 && !stopped) {
        const reads = wanted.slice(0, PAGES_AT_ONCE);
        wanted = wanted.slice(PAGES_AT_ONCE);
        try {
          const pages = await readPages(
            deps.db,
            reads.map(({ lane, limit, after }) => ({ ...keyOf(lane), limit, after })),
            now(),
          );
          for (const [index, read] of reads.entries()) scheduler.readDone(read, pages[index] ?? [], now());
        } catch (error) {
          for (const read of reads) scheduler.readFailed(read);
          throw error;
        }
        pump();
      }
    } finally {
      reading = false;
    }
  }

  function found(key: LaneKey, dueMs: number): void {
    if (stopped || !deps.owns(key.shard)) return;
    if (!deps.endpoints.find(key.tenantId, key.endpointId)) return void confirmGone(key);
    scheduler.found(key, dueMs, now());
    pump();
  }

  /** Memory may lag behind the bucket, so what it does not know is not yet gone. */
  async function confirmGone({ tenantId, endpointId }: LaneKey): Promise<void> {
    if (confirming.has(endpointId)) return;
    confirming.add(endpointId);
    try {
      await deps.endpoints.caughtUp();
      if (deps.endpoints.find(tenantId, endpointId)) return;
      const deliveries = await cancelPending(deps.db, endpointId, now());
      deps.onCanceled({ tenantId, endpointId, deliveries });
    } catch (error) {
      // Found again by the next sweep.
      deps.onError(error);
    } finally {
      confirming.delete(endpointId);
    }
  }

  const over = async (shards?: ReadonlySet<number>) => {
    await Promise.all(
      [...underWay].filter(([, shard]) => !shards || shards.has(shard)).map(([work]) => work),
    );
  };

  return {
    get inUse() {
      return scheduler.inUse;
    },
    found: ({ tenantId, endpointId }) => found({ tenantId, endpointId, shard: shardOf(endpointId) }, 0),
    async sweep(shards) {
      scheduler.tick(now());
      for (const { shard, endpoint_id, tenant_id, due_at } of await findEndpoints(deps.db, shards)) {
        found({ shard, endpointId: endpoint_id, tenantId: tenant_id }, due_at.getTime());
      }
      pump();
    },
    async forgetShards(shards) {
      scheduler.forgetShards(shards);
      await over(shards);
    },
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await over();
    },
  };
}

const MAX_TIMER_MS = 60_000;

const origins = new WeakMap<WebhookEndpoint, string>();

function limitsOf({ endpoints, states }: LanesDeps, { tenantId, endpointId }: LaneKey) {
  const endpoint = endpoints.find(tenantId, endpointId);
  if (!endpoint?.enabled || states.isDisabled(endpoint)) return undefined;
  const origin = origins.get(endpoint) ?? originOf(endpoint.url);
  origins.set(endpoint, origin);
  return {
    maxConcurrency: endpoint.max_concurrency ?? DEFAULT_CONCURRENCY,
    maxRps: endpoint.max_rps ?? null,
    origin,
  };
}

function originOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : url;
}

function keyOf({ shard, endpointId, tenantId }: LaneKey): LaneKey {
  return { shard, endpointId, tenantId };
}
