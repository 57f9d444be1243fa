import type { WebhookEndpoint } from '@errand/contracts';
import type { Db } from '@errand/postgres';
import type { Breaker } from './breaker.ts';
import {
  afterAttempt,
  type EndpointState,
  isDisabled,
  NEW_ENDPOINT,
  newsBetween,
  type Observed,
} from './endpoint-state.ts';
import { loadStates, saveStates } from './endpoint-state-table.ts';
import type { LaneKey } from './lane-scheduler.ts';
import { shardOf } from './shard.ts';

/** How endpoints are doing: those of this process's shards, and which ones are disabled anywhere. */
export interface EndpointStates {
  /** Reads what is stored of shards that are new to this process, and which endpoints of others' are disabled. */
  load(gained: readonly number[], owned: ReadonlySet<number>): Promise<void>;
  breakerOf(key: LaneKey): Breaker;
  isDisabled(endpoint: WebhookEndpoint): boolean;
  /** Takes note of an attempt; it is stored with the next `flush`. */
  observe(key: LaneKey, observed: Observed): void;
  /** Stores what has changed. What cannot be stored is tried again next time. */
  flush(): Promise<void>;
  forgetShards(shards: ReadonlySet<number>): void;
}

/** A success of a healthy endpoint is worth a write this often. */
const SUCCESS_WRITE_MS = 60_000;

export type OnNews = (news: {
  key: LaneKey;
  kind: 'failing' | 'disabled' | 'recovered';
  state: EndpointState;
}) => void;

export function createEndpointStates(db: Db, now: () => number, onNews: OnNews): EndpointStates {
  const known = new Map<string, EndpointState>();
  const stored = new Map<string, number>();
  const dirty = new Map<string, LaneKey>();

  function observe(key: LaneKey, observed: Observed): void {
    const before = known.get(key.endpointId) ?? NEW_ENDPOINT;
    const after = afterAttempt(before, observed);
    known.set(key.endpointId, after);
    const kind = newsBetween(before, after);
    if (kind) onNews({ key, kind, state: after });
    const same =
      before.state === 'active' && after.state === 'active' && before.breaker.kind === after.breaker.kind;
    if (same && observed.nowMs - (stored.get(key.endpointId) ?? 0) < SUCCESS_WRITE_MS) return;
    dirty.set(key.endpointId, key);
  }

  async function flush(): Promise<void> {
    const keys = [...dirty.values()];
    dirty.clear();
    const states = keys.map((key) => ({ key, state: known.get(key.endpointId) ?? NEW_ENDPOINT }));
    try {
      await saveStates(db, states, now());
      for (const { endpointId } of keys) stored.set(endpointId, now());
    } catch (error) {
      for (const key of keys) dirty.set(key.endpointId, key);
      throw error;
    }
  }

  return {
    async load(gained, owned) {
      for (const [endpointId, state] of await loadStates(db, gained)) {
        const shard = shardOf(endpointId);
        // Of its own shards this process knows more than is stored.
        if (gained.includes(shard) || !owned.has(shard)) known.set(endpointId, state);
      }
    },
    breakerOf: ({ endpointId }) => (known.get(endpointId) ?? NEW_ENDPOINT).breaker,
    isDisabled: ({ endpoint_id, updated_at }) => isDisabled(known.get(endpoint_id), Date.parse(updated_at)),
    observe,
    flush,
    forgetShards(shards) {
      for (const [endpointId, key] of dirty) if (shards.has(key.shard)) dirty.delete(endpointId);
    },
  };
}
