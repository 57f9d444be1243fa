import type { BucketName } from '@errand/contracts';
import { type KV, Kvm } from '@nats-io/kv';
import type { NatsConnection } from '@nats-io/transport-node';
import { LogUnavailable } from './errors.ts';

/** What a stored value is checked with when it is read: a zod schema fits. */
interface Schema<T> {
  safeParse(json: unknown): { data?: T | undefined };
}

/** A key-value bucket of one kind of value. */
export interface Bucket<T> {
  /** Every call but `peek` and `entries` asks the server, and throws LogUnavailable when it does not answer. */
  get(key: string): Promise<T | undefined>;
  put(key: string, value: T): Promise<void>;
  /** Writes only if the key is absent; false if it was there. */
  create(key: string, value: T): Promise<boolean>;
  delete(key: string): Promise<void>;
}

/** A bucket of which a copy is held in memory, followed live. */
export interface WatchedBucket<T> extends Bucket<T> {
  /** From memory: what was known a few milliseconds ago. */
  peek(key: string): T | undefined;
  entries(): IterableIterator<[string, T]>;
  close(): void;
}

export async function openBucket<T>(
  nc: NatsConnection,
  name: BucketName,
  schema: Schema<T>,
): Promise<Bucket<T>> {
  const kv = await new Kvm(nc).open(name);
  return bucketOf(kv, schema);
}

/** Opens a bucket and follows it. Resolves when all that it held is in memory. */
export async function watchBucket<T>(
  nc: NatsConnection,
  name: BucketName,
  schema: Schema<T>,
  onChange: (key: string, value: T | undefined) => void = () => {},
): Promise<WatchedBucket<T>> {
  const kv = await new Kvm(nc).open(name);
  const known = new Map<string, T>();
  const loaded = Promise.withResolvers<void>();
  let toLoad = (await kv.status()).values;
  if (toLoad === 0) loaded.resolve();
  const changes = await kv.watch();
  const follow = (async () => {
    for await (const change of changes) {
      const value = change.operation === 'PUT' ? read(schema, change.json()) : undefined;
      if (value === undefined) known.delete(change.key);
      else known.set(change.key, value);
      onChange(change.key, value);
      if (--toLoad <= 0 || change.isUpdate || change.delta === 0) loaded.resolve();
    }
  })();
  // A watch that ends before it has loaded would leave the opener waiting.
  follow.then(() => loaded.resolve(), loaded.reject);
  await loaded.promise;
  return {
    ...bucketOf(kv, schema),
    peek: (key) => known.get(key),
    entries: () => known.entries(),
    close: () => changes.stop(),
  };
}

function bucketOf<T>(kv: KV, schema: Schema<T>): Bucket<T> {
  return {
    async get(key) {
      const entry = await answered(kv.get(key));
      return entry?.operation === 'PUT' ? read(schema, entry.json()) : undefined;
    },
    async put(key, value) {
      await answered(kv.put(key, JSON.stringify(value)));
    },
    async create(key, value) {
      try {
        await kv.create(key, JSON.stringify(value));
        return true;
      } catch (error) {
        if ((await answered(kv.get(key)))?.operation === 'PUT') return false;
        throw new LogUnavailable('the bucket did not take the key', { cause: error });
      }
    },
    async delete(key) {
      await answered(kv.delete(key));
    },
  };
}

/** A value that does not fit its schema counts as absent: one bad entry must not stop a service. */
function read<T>(schema: Schema<T>, json: unknown): T | undefined {
  return schema.safeParse(json).data;
}

async function answered<T>(call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    throw new LogUnavailable('the bucket did not answer', { cause: error });
  }
}
