import type { Db } from '@errand/postgres';
import type { QueueKey } from '../pacing/queue-pages.ts';
import { countDue, type EndpointWithWork } from './due-rows.ts';

/** `failing` ones are called seldom, until they answer again. */
export type EndpointHealth = 'healthy' | 'failing';

/**
 * What is due and not sent, of the endpoints of this process, by how they are. Those are left out that are paused or
 * disabled. What is being sent counts until its result is stored.
 */
export interface Backlog {
  /** Takes what a sweep has found: all endpoints with something pending. */
  saw(endpoints: readonly EndpointWithWork[]): void;
  /** For how long the oldest has been due, as of the last sweep, in milliseconds; 0 for none. */
  oldestMs(): Record<EndpointHealth, number>;
  /** How many there are, of an endpoint at most 10,000. */
  count(): Promise<Record<EndpointHealth, number>>;
}

/** More of an endpoint are not counted, so that a scrape reads no more rows than this of it. */
const MOST_COUNTED = 10_000;

export function createBacklog(deps: {
  db: Db;
  now: () => number;
  /** Undefined for an endpoint to which nothing may be sent. */
  healthOf: (key: QueueKey) => EndpointHealth | undefined;
}): Backlog {
  const { db, now, healthOf } = deps;
  let found: readonly EndpointWithWork[] = [];

  /** Those that have something due. */
  function due() {
    return found.flatMap((endpoint) => {
      const { shard, endpoint_id: endpointId, tenant_id: tenantId, due_at } = endpoint;
      const health = due_at.getTime() > now() ? undefined : healthOf({ shard, endpointId, tenantId });
      return health ? [{ endpoint, health }] : [];
    });
  }

  return {
    saw(endpoints) {
      found = endpoints;
    },
    oldestMs() {
      const oldest = { healthy: 0, failing: 0 };
      for (const { endpoint, health } of due()) {
        oldest[health] = Math.max(oldest[health], now() - endpoint.due_at.getTime());
      }
      return oldest;
    },
    async count() {
      const counted = due();
      const endpoints = counted.map(({ endpoint }) => endpoint);
      const deliveries = await db
        .transaction()
        .execute((trx) => countDue(trx, endpoints, { nowMs: now(), most: MOST_COUNTED }));
      const sums = { healthy: 0, failing: 0 };
      for (const [place, { health }] of counted.entries()) sums[health] += deliveries[place] ?? 0;
      return sums;
    },
  };
}
