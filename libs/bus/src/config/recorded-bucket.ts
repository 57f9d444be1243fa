import type { ConfigKind } from '@errand/contracts';
import { type KV, type KvEntry, Kvm } from '@nats-io/kv';
import type { NatsConnection } from '@nats-io/transport-node';
import type { BucketWrites, Watch } from '../buckets/buckets.ts';
import { watch } from '../buckets/buckets.ts';
import { deleteAfter, getEntry, jsonOf, putAfter, readValue, type ValueSchema } from '../buckets/entries.ts';
import type { ConfigWriter } from './config-log.ts';
import { CONFIG_BUCKETS, configDigest, configResource } from './config-resources.ts';

/** A bucket of configuration, with a copy in memory. Its changes are recorded, so each says who makes it. */
export interface RecordedBucket<T> extends Watch<T> {
  /** @throws LogUnavailable */
  get(key: string): Promise<T | undefined>;
  /** `actor`: `admin`, `key:<key_id>`, `oidc:<issuer>#<sub>`, or a service. */
  by(actor: string): BucketWrites<T>;
}

/** Opens a bucket of configuration and follows it, like `watchBucket`. */
export async function watchRecordedBucket<T>(
  nc: NatsConnection,
  log: Pick<ConfigWriter, 'record'>,
  kind: ConfigKind,
  schema: ValueSchema<T>,
  onChange: (key: string, value: T | undefined, storedMs: number) => void = () => {},
): Promise<RecordedBucket<T>> {
  const kv = await new Kvm(nc).open(CONFIG_BUCKETS[kind]);
  return {
    get: async (key) => readValue(schema, await getEntry(kv, key)),
    ...recordWrites(kv, { kind, schema, log }),
    ...(await watch(kv, schema, onChange)),
  };
}

const DELETED = Symbol('deleted');

/**
 * Records each change, and then makes it on the very revision that it was recorded for. One that was not made is
 * withdrawn. A process that dies in between leaves a record for `settleConfig`.
 */
function recordWrites<T>(
  kv: KV,
  { kind, schema, log }: { kind: ConfigKind; schema: ValueSchema<T>; log: Pick<ConfigWriter, 'record'> },
): Pick<RecordedBucket<T>, 'by'> {
  const oneByOne = createOneByOne();
  type Make = (stored: T | undefined, entry: KvEntry | null) => T | typeof DELETED | undefined;

  /** Those who lose a race leave two records each, so a process does not race itself. */
  const replace = (actor: string, key: string, make: Make) =>
    oneByOne(key, () => replaceAmongOthers(actor, key, make));

  /** Undefined: `make` left it as it was. */
  async function replaceAmongOthers(actor: string, key: string, make: Make): Promise<void> {
    for (;;) {
      const entry = await getEntry(kv, key);
      const made = make(readValue(schema, entry), entry);
      if (made === undefined) return;
      const withdraw = await record(actor, key, { entry, made });
      const revision = entry?.revision ?? 0;
      const isWritten =
        made === DELETED
          ? await deleteAfter(kv, key, revision)
          : await putAfter(kv, key, JSON.stringify(made), revision);
      if (isWritten) return;
      await withdraw();
    }
  }

  /** Resolves with what withdraws the record. */
  async function record(
    actor: string,
    key: string,
    { entry, made }: { entry: KvEntry | null; made: T | typeof DELETED },
  ): Promise<() => Promise<void>> {
    const before = jsonOf(entry);
    // As it will be read back.
    const after = made === DELETED ? undefined : JSON.parse(JSON.stringify(made));
    const digest_before = configDigest(kind, before);
    const digest_after = configDigest(kind, after);
    const resource = configResource(kind, key, after ?? before);
    if (!resource || digest_before === digest_after) return async () => {};
    const change = before === undefined ? 'created' : after === undefined ? 'deleted' : 'updated';
    const about = { actor, from_revision: entry?.revision ?? 0, digest_before, digest_after };
    const position = await log.record(resource, { change, ...about });
    return async () => {
      await log.record(resource, { ...about, change: 'withdrawn', withdraws: position });
    };
  }

  return {
    by: (actor) => ({
      put: (key, value) => replace(actor, key, () => value),
      async create(key, value) {
        let isNew = true;
        await replace(actor, key, (_, entry) => {
          isNew = entry?.operation !== 'PUT';
          return isNew ? value : undefined;
        });
        return isNew;
      },
      async change(key, make) {
        let made: T | undefined;
        await replace(actor, key, (stored) => {
          made = stored === undefined ? undefined : make(stored);
          return made === stored ? undefined : made;
        });
        return made;
      },
      async upsert(key, make) {
        let made: T | undefined;
        await replace(actor, key, (stored) => {
          made = make(stored);
          return made === stored ? undefined : made;
        });
        return made as T;
      },
      delete: (key) => replace(actor, key, (_, entry) => (entry?.operation === 'PUT' ? DELETED : undefined)),
    }),
  };
}

/** Does the work for each key one after the other. */
function createOneByOne(): <R>(key: string, work: () => Promise<R>) => Promise<R> {
  const last = new Map<string, Promise<unknown>>();
  return async (key, work) => {
    const before = last.get(key) ?? Promise.resolve();
    const own = before.then(work, work);
    last.set(key, own);
    try {
      return await own;
    } finally {
      if (last.get(key) === own) last.delete(key);
    }
  };
}
