import { randomUUIDv7 } from 'node:crypto';
import type { WebhookEndpoint } from '@errand/contracts';
import { type DailyPartitions, type Db, shardOf } from '@errand/postgres';
import type { Breaker } from './breaker.ts';
import { type FanOut, insertFanOuts } from './delivery-table.ts';
import type { EndpointNews } from './endpoint-news.ts';
import {
  afterAttempt,
  type EndpointState,
  isDisabled,
  NEW_ENDPOINT,
  newsBetween,
  type Observed,
} from './endpoint-state.ts';
import { loadStates, saveStates } from './endpoint-state-table.ts';
import type { LaneKey } from './lane-pages.ts';

/*
 * How endpoints are doing. News follows from two states; it is stored together with the second one, so a process
 * that dies before has told nobody, and whoever goes on from the first state finds the same news again.
 */

/** The states of the endpoints of this process's shards, and which ones are disabled anywhere. */
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

export interface EndpointStatesDeps {
  readonly db: Db;
  /** Of the three webhook tables. */
  readonly partitions: readonly DailyPartitions[];
  readonly now: () => number;
  /** Hears of news when it comes up, which may be again after a crash. */
  readonly onNews: (news: EndpointNews) => void;
  /** What is told to others, exactly once; undefined if nobody wants to know. */
  readonly fanOutOf: (news: EndpointNews) => FanOut | undefined;
}

export function createEndpointStates(deps: EndpointStatesDeps): EndpointStates {
  const { db, now } = deps;
  const known = new Map<string, EndpointState>();
  const stored = new Map<string, number>();
  const dirty = new Map<string, LaneKey>();
  let untold: EndpointNews[] = [];

  function observe(key: LaneKey, observed: Observed): void {
    const before = known.get(key.endpointId) ?? NEW_ENDPOINT;
    const state = afterAttempt(before, observed);
    known.set(key.endpointId, state);
    const kind = newsBetween(before, state);
    if (kind) {
      const news = { eventId: randomUUIDv7(), key, kind, before, state, atMs: observed.nowMs };
      untold.push(news);
      deps.onNews(news);
    }
    const same =
      before.state === 'active' && state.state === 'active' && before.breaker.kind === state.breaker.kind;
    if (same && observed.nowMs - (stored.get(key.endpointId) ?? 0) < SUCCESS_WRITE_MS) return;
    dirty.set(key.endpointId, key);
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
      await insertFanOuts(trx, fanOuts, now());
    });
  }

  function forgetShards(shards: ReadonlySet<number>): void {
    for (const [endpointId, key] of dirty) if (shards.has(key.shard)) dirty.delete(endpointId);
    untold = untold.filter(({ key }) => !shards.has(key.shard));
  }

  return {
    async load(gained, owned) {
      const states = await loadStates(db, gained);
      // What is stored counts, and news follows from that: another process may have been here.
      const anew = new Set(gained);
      forgetShards(anew);
      for (const endpointId of known.keys()) if (anew.has(shardOf(endpointId))) known.delete(endpointId);
      for (const [endpointId, state] of states) {
        const shard = shardOf(endpointId);
        // Of its own shards this process knows more than is stored.
        if (anew.has(shard) || !owned.has(shard)) known.set(endpointId, state);
      }
    },
    breakerOf: ({ endpointId }) => (known.get(endpointId) ?? NEW_ENDPOINT).breaker,
    isDisabled: ({ endpoint_id, updated_at }) => isDisabled(known.get(endpoint_id), Date.parse(updated_at)),
    observe,
    flush,
    forgetShards,
  };
}
