import { type Bus, LogUnavailable, type RecordedBucket, type ValueSchema } from '@errand/bus';
import type { ConfigKind } from '@errand/contracts';

/**
 * A watched bucket of configuration whose own writes are in memory once they resolve, so that a caller finds what it
 * just wrote. While the server cannot be reached, calls fail at once.
 */
export async function watchSettledBucket<T>(
  bus: Bus,
  kind: ConfigKind,
  schema: ValueSchema<T>,
  onChange?: (key: string, value: T | undefined) => void,
): Promise<RecordedBucket<T>> {
  const bucket = await bus.buckets.watchRecorded(kind, schema, onChange);

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
    by(actor) {
      const writes = bucket.by(actor);
      return {
        put: (key, value) => settled(() => writes.put(key, value)),
        create: (key, value) => settled(() => writes.create(key, value)),
        change: (key, make) => settled(() => writes.change(key, make)),
        upsert: (key, make) => settled(() => writes.upsert(key, make)),
        delete: (key) => settled(() => writes.delete(key)),
      };
    },
  };
}
