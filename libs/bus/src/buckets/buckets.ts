import type { BucketName } from '@errand/contracts';
import { type KV, Kvm } from '@nats-io/kv';
import type { NatsConnection } from '@nats-io/transport-node';
import { LogUnavailable } from '../errors.ts';
import { answered, getEntry, putAfter, readValue, type ValueSchema } from './entries.ts';

/** A key-value bucket of one kind of value. */
export interface Bucket<T> extends BucketWrites<T> {
  /** Every call but `peek` and `entries` asks the server, and throws LogUnavailable when it does not answer. */
  get(key: string): Promise<T | undefined>;
}

export interface BucketWrites<T> {
  put(key: string, value: T): Promise<void>;
  /** Writes only if the key is absent; false if it was there. */
  create(key: string, value: T): Promise<boolean>;
  /**
   * Replaces the stored value with what `make` returns for it, and retries if another writer was faster, so that no
   * change is lost. Resolves with what is stored then; undefined for an absent key, for which `make` is not called.
   * Nothing is written if `make` returns its argument.
   */
  change(key: string, make: (stored: T) => T): Promise<T | undefined>;
  /** The same, but `make` is also called, with undefined, if the key is absent or its value cannot be read. */
  upsert(key: string, make: (stored: T | undefined) => T): Promise<T>;
  delete(key: string): Promise<void>;
}

/** A bucket with a copy in memory that follows its changes live. */
export interface WatchedBucket<T> extends Bucket<T>, Watch<T> {}

export interface Watch<T> {
  /** From memory: what was known a few milliseconds ago. */
  peek(key: string): T | undefined;
  entries(): IterableIterator<[string, T]>;
  /**
   * Resolves when memory holds whatever the server had stored at the time of the call.
   * @throws LogUnavailable when that takes longer than 5 s.
   */
  caughtUp(): Promise<void>;
  close(): void;
}

const CATCH_UP_MS = 5_000;

export async function openBucket<T>(
  nc: NatsConnection,
  name: BucketName,
  schema: ValueSchema<T>,
): Promise<Bucket<T>> {
  const kv = await new Kvm(nc).open(name);
  return bucketOf(kv, schema);
}

/**
 * Opens a bucket and follows it. Resolves when all that it held is in memory. `onChange` is also given the time at
 * which the server stored the change, in Unix milliseconds by the server's clock.
 */
export async function watchBucket<T>(
  nc: NatsConnection,
  name: BucketName,
  schema: ValueSchema<T>,
  onChange: (key: string, value: T | undefined, storedMs: number) => void = () => {},
): Promise<WatchedBucket<T>> {
  const kv = await new Kvm(nc).open(name);
  return { ...bucketOf(kv, schema), ...(await watch(kv, schema, onChange)) };
}

/** The part of a watched bucket that follows its changes. */
export async function watch<T>(
  kv: KV,
  schema: ValueSchema<T>,
  onChange: (key: string, value: T | undefined, storedMs: number) => void,
): Promise<Watch<T>> {
  /** In the order in which they were stored. */
  const known = new Map<string, { value: T; storedMs: number }>();
  const loaded = Promise.withResolvers<void>();
  const status = await kv.status();
  // What was stored before the watch began is in its first load, even if its newest revision has been purged since.
  const revisions = createHighWaterMark(status.streamInfo.state.last_seq);
  let toLoad = status.values;
  if (toLoad === 0) loaded.resolve();
  const changes = await kv.watch();
  const follow = (async () => {
    for await (const change of changes) {
      const value = readValue(schema, change);
      const storedMs = change.created.getTime();
      known.delete(change.key);
      if (value !== undefined) known.set(change.key, { value, storedMs });
      // The server removes what has expired without a word.
      if (status.ttl > 0) forgetExpired(known, storedMs - status.ttl);
      onChange(change.key, value, storedMs);
      revisions.reached(change.revision);
      if (--toLoad <= 0 || change.isUpdate || change.delta === 0) loaded.resolve();
    }
  })();
  // A watch that ends before it has loaded would leave the opener waiting.
  follow.then(() => loaded.resolve(), loaded.reject);
  // So would a watch that begins just when the last entry has expired: it is told of nothing.
  const again = toLoad === 0 ? status : await kv.status();
  if (again.values === 0) loaded.resolve();
  await loaded.promise;
  return {
    peek: (key) => known.get(key)?.value,
    *entries() {
      for (const [key, { value }] of known) yield [key, value];
    },
    async caughtUp() {
      const { streamInfo } = await answered(kv.status());
      await answered(revisions.reaches(streamInfo.state.last_seq, CATCH_UP_MS));
    },
    close: () => changes.stop(),
  };
}

function forgetExpired(known: Map<string, { storedMs: number }>, untilMs: number): void {
  for (const [key, { storedMs }] of known) {
    if (storedMs > untilMs) return;
    known.delete(key);
  }
}

function bucketOf<T>(kv: KV, schema: ValueSchema<T>): Bucket<T> {
  return {
    get: async (key) => readValue(schema, await getEntry(kv, key)),
    async put(key, value) {
      await answered(kv.put(key, JSON.stringify(value)));
    },
    async create(key, value) {
      try {
        await kv.create(key, JSON.stringify(value));
        return true;
      } catch (error) {
        if ((await getEntry(kv, key))?.operation === 'PUT') return false;
        throw new LogUnavailable('the bucket did not take the key', { cause: error });
      }
    },
    async change(key, make) {
      for (;;) {
        const entry = await getEntry(kv, key);
        const stored = readValue(schema, entry);
        if (!entry || stored === undefined) return undefined;
        const made = make(stored);
        if (made === stored || (await putAfter(kv, key, JSON.stringify(made), entry.revision))) return made;
      }
    },
    async upsert(key, make) {
      for (;;) {
        const entry = await getEntry(kv, key);
        const stored = readValue(schema, entry);
        const made = make(stored);
        if (made === stored) return made;
        if (await putAfter(kv, key, JSON.stringify(made), entry?.revision ?? 0)) return made;
      }
    },
    async delete(key) {
      await answered(kv.delete(key));
    },
  };
}

/** The highest number reached so far, and a way to wait for a higher one. */
function createHighWaterMark(initial: number) {
  let highest = initial;
  const waiting = new Set<{ target: number; resolve: () => void }>();
  return {
    reached(value: number): void {
      highest = Math.max(highest, value);
      for (const waiter of waiting) if (waiter.target <= highest) waiter.resolve();
    },
    async reaches(target: number, timeoutMs: number): Promise<void> {
      if (highest >= target) return;
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const waiter = { target, resolve };
      const timer = setTimeout(() => reject(new Error(`at ${highest}, not yet at ${target}`)), timeoutMs);
      waiting.add(waiter);
      try {
        await promise;
      } finally {
        clearTimeout(timer);
        waiting.delete(waiter);
      }
    },
  };
}
