import {
  CONFIG_KINDS,
  type ConfigChange,
  type ConfigKind,
  type ConfigResource,
  configSubject,
} from '@errand/contracts';
import type { JetStreamManager } from '@nats-io/jetstream';
import { type KV, Kvm } from '@nats-io/kv';
import type { NatsConnection } from '@nats-io/transport-node';
import { deleteAfter, putAfter } from '../buckets/entries.ts';
import { readPages } from '../read/read-pages.ts';
import type { ConfigReader, ConfigWriter } from './config-log.ts';
import { CONFIG_BUCKETS, configDigest, configKey, configResource } from './config-resources.ts';

/** Something configured that is not as it was recorded. */
interface ConfigDifference {
  readonly resource: ConfigResource;
  readonly detail: string;
}

export interface ConfigCheck {
  /**
   * Makes the record true again where a process died between recording a change and making it: what was not made is
   * withdrawn. When recording begins, what is there is recorded as found. Any number of processes may do so at once.
   * `now` and `minAgeMs` in ms: younger records may be of a change that is being made.
   * @throws LogUnavailable
   */
  settle(options: { actor: string; now: () => number; minAgeMs: number }): Promise<void>;
  /** Where the buckets are not as recorded, of one tenant or of all. @throws LogUnavailable */
  differences(tenantId: string | undefined): Promise<ConfigDifference[]>;
}

interface Recorded {
  readonly resource: ConfigResource;
  /** Those that were not withdrawn, oldest first. */
  readonly changes: { readonly position: number; readonly filedMs: number; readonly change: ConfigChange }[];
}

interface Stored {
  /** Undefined for what was deleted, if it does not say any more whose it was. */
  readonly resource: ConfigResource | undefined;
  /** Undefined for what was deleted. */
  readonly data: Uint8Array | undefined;
  readonly digest: string | null;
  readonly revision: number;
}

const PAGE_SIZE = 1_000;

export function createConfigCheck(
  nc: NatsConnection,
  jsm: JetStreamManager,
  log: ConfigReader & ConfigWriter,
): ConfigCheck {
  /** What is recorded, by subject. */
  async function readRecorded(tenantId: string | undefined): Promise<Map<string, Recorded>> {
    const recorded = new Map<string, Recorded>();
    for await (const { subject, position, filedMs, change } of log.read({ tenantId })) {
      if (!change) continue;
      const known = recorded.get(subject) ?? { resource: resourceOf(change), changes: [] };
      recorded.set(subject, known);
      if (change.change !== 'withdrawn') known.changes.push({ position, filedMs, change });
      else {
        const at = known.changes.findIndex((each) => each.position === change.withdraws);
        if (at !== -1) known.changes.splice(at, 1);
      }
    }
    return recorded;
  }

  /** What is stored, or was deleted, by `placeOf`. */
  async function readStored(): Promise<Map<string, Stored>> {
    const stored = new Map<string, Stored>();
    for (const kind of CONFIG_KINDS) {
      const bucket = CONFIG_BUCKETS[kind];
      const prefix = `$KV.${bucket}.`;
      const pages = readPages(nc, jsm, {
        stream: `KV_${bucket}`,
        filterSubjects: [],
        from: undefined,
        pageSize: PAGE_SIZE,
        read: ({ subject, headers, data }) => ({
          key: subject.slice(prefix.length),
          data: headers?.get('KV-Operation') ? undefined : data.slice(),
        }),
      });
      for await (const { messages } of pages) {
        for (const { position, read } of messages) {
          const { key, data } = read;
          const value = data && parsed(data);
          const digest = configDigest(kind, value);
          const resource = configResource(kind, key, value);
          stored.set(`${kind} ${key}`, { resource, data, digest, revision: position });
        }
      }
    }
    return stored;
  }

  async function withdrawUnmade(
    actor: string,
    { resource, changes }: Recorded,
    stored: Stored | undefined,
  ): Promise<void> {
    const last = changes.at(-1);
    if (!last) return;
    const { position, change } = last;
    const { revision = 0, digest = null } = stored ?? {};
    const isUnmade =
      revision === change.from_revision
        ? await fence(resource, stored)
        : changes.slice(0, -1).some((other) => isOvertakenBy(change, other.change, digest));
    if (!isUnmade) return;
    const { from_revision, digest_before, digest_after } = change;
    await log.record(resource, {
      change: 'withdrawn',
      withdraws: position,
      actor,
      from_revision,
      digest_before,
      digest_after,
    });
  }

  /** Writes what is there once more, so that whoever was stopped before its own write fails with it when it wakes up. */
  async function fence(resource: ConfigResource, stored: Stored | undefined): Promise<boolean> {
    const kv = await openKv(resource.kind);
    const { revision = 0, data } = stored ?? {};
    const key = configKey(resource);
    return data ? putAfter(kv, key, data, revision) : deleteAfter(kv, key, revision);
  }

  const openKv = (kind: ConfigKind): Promise<KV> => new Kvm(nc).open(CONFIG_BUCKETS[kind]);

  async function recordFound(actor: string, stored: Iterable<Stored>): Promise<void> {
    for (const { resource, digest, revision } of stored) {
      if (digest === null || !resource) continue;
      const found = { actor, from_revision: revision, digest_before: null, digest_after: digest };
      await log.record(resource, { change: 'found', ...found }, true);
    }
  }

  return {
    async settle({ actor, now, minAgeMs }) {
      const recorded = await readRecorded(undefined);
      const stored = await readStored();
      for (const each of recorded.values()) {
        const last = each.changes.at(-1);
        const there = stored.get(placeOf(each.resource));
        if (!last || last.change.digest_after === (there?.digest ?? null)) continue;
        if (now() - last.filedMs >= minAgeMs) await withdrawUnmade(actor, each, there);
      }
      await log.begin(async () => recordFound(actor, (await readStored()).values()));
    },
    async differences(tenantId) {
      const isWhole = await log.isWhole();
      const recorded = await readRecorded(tenantId);
      const stored = await readStored();
      const differences: ConfigDifference[] = [];
      for (const { resource, changes } of recorded.values()) {
        // What it was like before may have been dropped.
        if (changes.length === 0 && !isWhole) continue;
        const wanted = changes.at(-1)?.change.digest_after ?? null;
        const found = stored.get(placeOf(resource))?.digest ?? null;
        if (wanted !== found) differences.push({ resource, detail: detailOf(wanted, found) });
      }
      for (const { resource, digest } of isWhole ? stored.values() : []) {
        if (!resource || digest === null) continue;
        const isWanted = tenantId === undefined || resource.tenantId === tenantId;
        if (isWanted && !recorded.has(configSubject(resource))) {
          differences.push({ resource, detail: 'it is there, and nobody is recorded to have made it' });
        }
      }
      return differences;
    },
  };
}

/**
 * Whether another change of what a change was to replace is what is stored. An action is also written without a record,
 * when its executors come and go.
 */
function isOvertakenBy(change: ConfigChange, other: ConfigChange, digest: string | null): boolean {
  if (other.digest_after !== digest) return false;
  return change.kind === 'action' || other.from_revision >= change.from_revision;
}

function detailOf(wanted: string | null, found: string | null): string {
  if (found === null) return 'it is gone, and nobody is recorded to have deleted it';
  if (wanted === null) return 'it is there, and is recorded as deleted';
  return 'it is not as it was last recorded';
}

/** Kind and key, under which a resource is stored also once it was deleted. */
function placeOf(resource: ConfigResource): string {
  return `${resource.kind} ${configKey(resource)}`;
}

function resourceOf({ kind, tenant_id, resource_id }: ConfigChange): ConfigResource {
  return { kind, tenantId: tenant_id ?? undefined, id: resource_id };
}

function parsed(data: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(data));
  } catch {
    return undefined;
  }
}
