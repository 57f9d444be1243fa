import type { WebhookEndpoint } from '@errand/contracts';
import type { Db } from '@errand/postgres';
import { type AttemptResult, cancelPending, type DueDelivery, findDue } from './delivery-table.ts';
import { whileHoldingLock } from './dispatch-lock.ts';
import type { Endpoints } from './endpoints.ts';
import { createWakeUp } from './wake-up.ts';

/*
 * Which deliveries are attempted now. Of all processes one holds the lock and dispatches; the others stand by.
 *
 *   a due delivery whose endpoint is   what follows
 *   enabled                            an attempt, as soon as a slot is free, the longest due first
 *   disabled                           nothing: it stays pending until it expires
 *   not known                          canceled with all that the endpoint has pending, once the bucket confirms it
 *
 * A delivery keeps its slot until its result is stored, so while Postgres is away no more are sent than there are
 * slots. That a delivery is being sent is known to this process only: one that dies leaves nothing to clean up.
 */

export interface Dispatcher {
  /** Says that deliveries may have become due. */
  wake(): void;
  /** Begins no more attempts; resolves when those under way are over and the lock is let go. */
  stop(): Promise<void>;
}

export interface DispatcherDeps {
  /** Opens a pool of one connection, for the lock and for reading what is due. */
  readonly openSession: () => Db;
  readonly db: Db;
  readonly endpoints: Endpoints;
  /** Makes one attempt; undefined if it was cut off. */
  readonly attempt: (delivery: DueDelivery, endpoint: WebhookEndpoint) => Promise<AttemptResult | undefined>;
  /** Resolves once the result is durable; rejects if that is given up. */
  readonly record: (result: AttemptResult, delivery: DueDelivery) => Promise<void>;
  readonly concurrency: number;
  readonly pollIntervalMs: number;
  readonly now: () => number;
  readonly onLeading: (leading: boolean) => void;
  readonly onCanceled: (canceled: { tenantId: string; endpointId: string; deliveries: number }) => void;
  readonly onError: (error: unknown) => void;
}

export function startDispatcher(deps: DispatcherDeps): Dispatcher {
  const { endpoints, concurrency } = deps;
  const changed = createWakeUp();
  const stop = new AbortController();
  const underWay = new Map<string, Promise<void>>();
  const beingConfirmed = new Set<string>();

  async function lead(session: Db): Promise<void> {
    while (!stop.signal.aborted) {
      if (underWay.size < concurrency) {
        // What ends while the page is being read may still be in it as it was before.
        const passedOver = new Set(underWay.keys());
        const due = await findDue(session, {
          nowMs: deps.now(),
          // Those under way may be the first rows found.
          limit: concurrency,
          exceptEndpointIds: [...endpoints.disabledIds(), ...beingConfirmed],
        });
        for (const delivery of due) if (!passedOver.has(keyOf(delivery))) begin(delivery);
      }
      await changed.wait(deps.pollIntervalMs);
    }
    // Another process that took over before these are recorded would attempt them a second time.
    await Promise.all(underWay.values());
  }

  function begin(delivery: DueDelivery): void {
    if (stop.signal.aborted || underWay.size >= concurrency) return;
    const endpoint = endpoints.find(delivery.tenant_id, delivery.endpoint_id);
    if (!endpoint) return void confirmGone(delivery.tenant_id, delivery.endpoint_id);
    if (!endpoint.enabled) return;
    const key = keyOf(delivery);
    const work = deliver(delivery, endpoint).finally(() => {
      underWay.delete(key);
      changed.call();
    });
    underWay.set(key, work);
  }

  async function deliver(delivery: DueDelivery, endpoint: WebhookEndpoint): Promise<void> {
    try {
      const result = await deps.attempt(delivery, endpoint);
      if (result) await deps.record(result, delivery);
    } catch (error) {
      deps.onError(error);
    }
  }

  /** Memory may lag behind the bucket, so what it does not know is not yet gone. */
  async function confirmGone(tenantId: string, endpointId: string): Promise<void> {
    if (beingConfirmed.has(endpointId)) return;
    beingConfirmed.add(endpointId);
    try {
      await endpoints.caughtUp();
      if (!endpoints.find(tenantId, endpointId)) {
        const deliveries = await cancelPending(deps.db, endpointId, deps.now());
        deps.onCanceled({ tenantId, endpointId, deliveries });
      }
      changed.call();
    } catch (error) {
      // Found again at the next poll.
      deps.onError(error);
    } finally {
      beingConfirmed.delete(endpointId);
    }
  }

  const leading = whileHoldingLock({
    openSession: deps.openSession,
    lead,
    onChange: deps.onLeading,
    onError: deps.onError,
    signal: stop.signal,
  });

  return {
    wake: () => changed.call(),
    async stop() {
      stop.abort();
      changed.call();
      await leading;
      await Promise.all(underWay.values());
    },
  };
}

function keyOf(delivery: DueDelivery): string {
  return `${delivery.event_id} ${delivery.endpoint_id}`;
}
