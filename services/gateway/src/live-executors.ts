import { type Bus, watchBucket } from '@errand/bus';
import { BUCKETS, EXECUTOR_ALIVE_MS, ExecutorHeartbeat } from '@errand/contracts';

export interface LiveExecutors extends Disposable {
  /** Those that were heard of within `EXECUTOR_ALIVE_MS`. */
  list(): ExecutorHeartbeat[];
}

/** Follows the heartbeats of executors. The server drops old ones without a word. */
export async function watchLiveExecutors(bus: Pick<Bus, 'nc'>): Promise<LiveExecutors> {
  const heardAt = new Map<string, number>();
  const bucket = await watchBucket(bus.nc, BUCKETS.executors, ExecutorHeartbeat, (key, heartbeat) => {
    if (heartbeat) heardAt.set(key, performance.now());
    else heardAt.delete(key);
  });
  return {
    list() {
      const now = performance.now();
      for (const [key, at] of heardAt) if (now - at > EXECUTOR_ALIVE_MS) heardAt.delete(key);
      return [...heardAt.keys()].flatMap((key) => bucket.peek(key) ?? []);
    },
    [Symbol.dispose]: () => bucket.close(),
  };
}
