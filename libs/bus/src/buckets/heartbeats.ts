import { BUCKETS, EXECUTOR_ALIVE_MS, ExecutorHeartbeat } from '@errand/contracts';
import type { NatsConnection } from '@nats-io/transport-node';
import { watchBucket } from './buckets.ts';

/** Which executors are alive, by their own reports. */
export interface Heartbeats extends Disposable {
  /** The newest heartbeat of each executor that was heard of within `EXECUTOR_ALIVE_MS`. */
  list(): ExecutorHeartbeat[];
  /** Whether an executor has announced within that time that it is stopping. */
  hasLeft(executorId: string): boolean;
}

/** Follows the heartbeats of executors. The server drops old ones without notice. */
export async function watchHeartbeats(nc: NatsConnection): Promise<Heartbeats> {
  const heard = new Map<string, { heartbeat: ExecutorHeartbeat; at: number }>();
  /** Executor id → when it announced that. */
  const left = new Map<string, number>();
  const isOld = (at: number) => performance.now() - at >= EXECUTOR_ALIVE_MS;
  const bucket = await watchBucket(nc, BUCKETS.executors, ExecutorHeartbeat, (key, heartbeat) => {
    const known = heard.get(key);
    if (heartbeat) {
      heard.set(key, { heartbeat, at: performance.now() });
      left.delete(heartbeat.executor_id);
    } else if (known) {
      heard.delete(key);
      left.set(known.heartbeat.executor_id, performance.now());
    }
    for (const [id, at] of left) if (isOld(at)) left.delete(id);
  });
  return {
    list() {
      for (const [key, { at }] of heard) if (isOld(at)) heard.delete(key);
      return [...heard.values()].map(({ heartbeat }) => heartbeat);
    },
    hasLeft(executorId) {
      const at = left.get(executorId);
      return at !== undefined && !isOld(at);
    },
    [Symbol.dispose]: () => bucket.close(),
  };
}
