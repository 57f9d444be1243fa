import { type Bus, LogUnavailable, type ValueSchema, type WatchedBucket } from '@errand/bus';
import type { BucketName } from '@errand/contracts';

/**
 * A watched bucket whose own writes are in memory once they resolve, so that a caller finds what it just wrote.
 * While the server cannot be reached, calls fail at once.
 */
export async function watchSettledBucket<T>(
  bus: Bus,
  name: BucketName,
  schema: ValueSchema<T>,
  onChange?: (key: string, value: T | undefined) => void,
): Promise<WatchedBucket<T>> {
  const bucket = await bus.buckets.watch(name, schema, onChange);

  async function connected<R>(call: () => Promise<R>): Promise<R> {
    if (!bus.isConnected()) throw new LogUnavailable('not connected');
    return call();
  }

  async function settled<R>(write: () => Promise<R>): Promise<R> {
    const result = await connected(write);
    // What is written is written, also where the watch lags behind.
    await bucket.caughtUp().catch(() => {});
    return result;
  }

  return {
    ...bucket,
    get: (key) => connected(() => bucket.get(key)),
    put: (key, value) => settled(() => bucket.put(key, value)),
    create: (key, value) => settled(() => bucket.create(key, value)),
    change: (key, make) => settled(() => bucket.change(key, make)),
    upsert: (key, make) => settled(() => bucket.upsert(key, make)),
    delete: (key) => settled(() => bucket.delete(key)),
  };
}
