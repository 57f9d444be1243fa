import { randomUUIDv7 } from 'node:crypto';
import type { WebhookEndpoint } from '@errand/contracts';
import { type DailyPartitions, type Db, shardOf } from '@errand/postgres';
import { type FanOut, insertFanOuts } from '../delivery-rows.ts';
import { type Breaker, lifted } from '../pacing/breaker.ts';
import type { QueueKey } from '../pacing/queue-pages.ts';
import type { Endpoints } from './directory.ts';
import {
  afterAttempt,
  type EndpointState,
  isDisabled,
  NEW_ENDPOINT,
  newsBetween,
  type Observed,
  stateUnder,
} from './endpoint-state.ts';
import type { EndpointNews } from './news.ts';
import { loadStates, type StoredState, saveStates, storeLift } from './state-rows.ts';

/*
 * How endpoints are doing. News follows from two states; it is stored together with the second one, so a process
 * that dies before has told nobody, and whoever goes on from the first state finds the same news again.
 */

/** The states of the endpoints of this process's shards, and which ones are disabled anywhere. */
export interface EndpointStates {
  /**
   * Reads what is stored of shards that are new to this process, and which endpoints of others' are disabled. Resolves
   * with those of its own that somebody asked to try again.
   */
  load(gained: readonly number[], owned: ReadonlySet<number>): Promise<QueueKey[]>;
  /** Takes note that a record was changed. */
  renew(key: QueueKey): void;
  /** Writes down that an endpoint is to be tried again, whichever process sends to it. */
  lift(endpoint: Pick<QueueKey, 'tenantId' | 'endpointId'>): Promise<void>;
  breakerOf(key: QueueKey): Breaker;
  isDisabled(endpoint: WebhookEndpoint): boolean;
  /** Takes note of an attempt; it is stored with the next `flush`. */
  observe(key: QueueKey, observed: Observed): void;
  /** Has this called whenever there is something to store. */
  onChanged(listener: () => void): void;
  /** Stores what has changed. What cannot be stored is tried again next time. */
  flush(): Promise<void>;
  forgetShards(shards: ReadonlySet<number>): void;
}

/** A success of a healthy endpoint is worth a write this often. */
const SUCCESS_WRITE_MS = 60_000;

export interface EndpointStatesDeps {
  readonly db: Db;
  /** Of the three webhook tables. */
  readonly partitions: readonly DailyPartitions[];
  readonly now: () => number;
  readonly endpoints: Pick<Endpoints, 'find'>;
  /** Hears of news when it comes up, which may be again after a crash. */
  readonly onNews: (news: EndpointNews) => void;
  /** What is told to others, exactly once; undefined if nobody wants to know. */
  readonly fanOutOf: (news: EndpointNews) => FanOut | undefined;
}

export function createEndpointStates(deps: EndpointStatesDeps): EndpointStates {
  const { db, now } = deps;
  const known = new Map<string, EndpointState>();
  const stored = new Map<string, number>();
  const dirty = new Map<string, QueueKey>();
  /** When endpoints were last asked to be tried again, as far as this process has done so. */
  let lifts = new Map<string, number>();
  let untold: EndpointNews[] = [];
  let tellChanged = () => {};

  function observe(key: QueueKey, observed: Observed): void {
    const record = deps.endpoints.find(key.tenantId, key.endpointId);
    const before = stateUnder(known.get(key.endpointId) ?? NEW_ENDPOINT, record);
    const state = afterAttempt(before, observed);
    known.set(key.endpointId, state);
    const kind = newsBetween(before, state);
    if (kind) {
      const news = { eventId: randomUUIDv7(), key, kind, before, state, atMs: observed.nowMs };
      untold.push(news);
      tellChanged();
      deps.onNews(news);
    }
    const same =
      before.state === 'active' && state.state === 'active' && before.breaker.kind === state.breaker.kind;
    if (same && observed.nowMs - (stored.get(key.endpointId) ?? 0) < SUCCESS_WRITE_MS) return;
    dirty.set(key.endpointId, key);
    tellChanged();
  }

  async function flush(): Promise<void> {
    const keys = [...dirty.values()];
    const news = untold;
    dirty.clear();
    untold = [];
    const states = keys.map((key) => ({ key, state: known.get(key.endpointId) ?? NEW_ENDPOINT }));
    try {
      await store(states, news);
      for (const { endpointId } of keys) stored.set(endpointId, now());
    } catch (error) {
      for (const key of keys) dirty.set(key.endpointId, key);
      untold.unshift(...news);
      throw error;
    }
  }

  async function store(states: Parameters<typeof saveStates>[1], news: readonly EndpointNews[]) {
    const fanOuts = news.flatMap((each) => deps.fanOutOf(each) ?? []);
    if (fanOuts.length === 0) return saveStates(db, states, now());
    const eventIds = fanOuts.map(({ message }) => message.event_id);
    for (const partitions of deps.partitions) await partitions.ensureFor(eventIds);
    await db.transaction().execute(async (trx) => {
      await saveStates(trx, states, now());
      await insertFanOuts(trx, fanOuts, { nowMs: now() });
    });
  }

  /** Those of this process's shards that were asked to be tried again and have not been: since the last look, or ever. */
  function liftedNow(
    rows: ReadonlyMap<string, StoredState>,
    { anew, owned }: { anew: ReadonlySet<number>; owned: ReadonlySet<number> },
  ): QueueKey[] {
    const before = lifts;
    lifts = new Map([...rows].flatMap(([id, { liftedMs }]) => (liftedMs === null ? [] : [[id, liftedMs]])));
    const keys = [];
    for (const [endpointId, liftedMs] of lifts) {
      const key = { endpointId, tenantId: rows.get(endpointId)?.tenantId ?? '', shard: shardOf(endpointId) };
      const state = known.get(endpointId);
      const isDone = before.get(endpointId) === liftedMs;
      if (!state || !(anew.has(key.shard) || (owned.has(key.shard) && !isDone))) continue;
      known.set(endpointId, { ...state, breaker: lifted(state.breaker) });
      keys.push(key);
    }
    return keys;
  }

  function forgetShards(shards: ReadonlySet<number>): void {
    for (const [endpointId, key] of dirty) if (shards.has(key.shard)) dirty.delete(endpointId);
    untold = untold.filter(({ key }) => !shards.has(key.shard));
  }

  return {
    async load(gained, owned) {
      const rows = await loadStates(db, gained);
      const states = [...rows].map(([endpointId, { tenantId, state }]) => {
        return [endpointId, stateUnder(state, deps.endpoints.find(tenantId, endpointId))] as const;
      });
      // What is stored counts, and news follows from that: another process may have been here.
      const anew = new Set(gained);
      forgetShards(anew);
      for (const endpointId of known.keys()) if (anew.has(shardOf(endpointId))) known.delete(endpointId);
      for (const [endpointId, state] of states) {
        const shard = shardOf(endpointId);
        // Of its own shards this process knows more than is stored.
        if (anew.has(shard) || !owned.has(shard)) known.set(endpointId, state);
      }
      return liftedNow(rows, { anew, owned });
    },
    renew(key) {
      const before = known.get(key.endpointId);
      const after = before && stateUnder(before, deps.endpoints.find(key.tenantId, key.endpointId));
      if (!after || after === before) return;
      known.set(key.endpointId, after);
      dirty.set(key.endpointId, key);
      tellChanged();
    },
    async lift(endpoint) {
      await storeLift(db, endpoint);
    },
    breakerOf: ({ endpointId }) => (known.get(endpointId) ?? NEW_ENDPOINT).breaker,
    isDisabled: ({ endpoint_id, updated_at }) => isDisabled(known.get(endpoint_id), Date.parse(updated_at)),
    observe,
    onChanged(listener) {
      tellChanged = listener;
    },
    flush,
    forgetShards,
  };
}
