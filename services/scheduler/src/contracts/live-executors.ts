import { type Bus, watchBucket } from '@errand/bus';
import { BUCKETS, EXECUTOR_ALIVE_MS, ExecutorHeartbeat, type LiveContract } from '@errand/contracts';

/** Which executors live, by their heartbeats. */
export interface LiveExecutors extends Disposable {
  /** Ids of those that serve a contract, sorted: by heartbeat, or since they have only just announced it. */
  serversOf(live: LiveContract, nowMs: number): string[];
}

/** Follows the heartbeats. One that is not renewed is over after `EXECUTOR_ALIVE_MS`, one that is deleted at once. */
export async function watchExecutors(bus: Pick<Bus, 'nc'>): Promise<LiveExecutors> {
  const seen = new Map<string, { heartbeat: ExecutorHeartbeat; at: number }>();
  const left = new Set<string>();
  const bucket = await watchBucket(bus.nc, BUCKETS.executors, ExecutorHeartbeat, (key, heartbeat) => {
    if (heartbeat) {
      seen.set(key, { heartbeat, at: performance.now() });
      left.delete(heartbeat.executor_id);
      return;
    }
    const known = seen.get(key);
    if (known) left.add(known.heartbeat.executor_id);
    seen.delete(key);
  });

  function isServedBy({ heartbeat, at }: { heartbeat: ExecutorHeartbeat; at: number }, live: LiveContract) {
    const { name, contract_id } = live.contract;
    return (
      performance.now() - at < EXECUTOR_ALIVE_MS &&
      heartbeat.contracts.some((each) => each.action === name && each.contract_id === contract_id)
    );
  }

  return {
    serversOf(live, nowMs) {
      const ids = new Set<string>();
      for (const each of seen.values()) if (isServedBy(each, live)) ids.add(each.heartbeat.executor_id);
      const isNew = nowMs - Date.parse(live.announced_at) < EXECUTOR_ALIVE_MS;
      if (isNew && !left.has(live.announced_by)) ids.add(live.announced_by);
      return [...ids].sort();
    },
    [Symbol.dispose]: () => bucket.close(),
  };
}
