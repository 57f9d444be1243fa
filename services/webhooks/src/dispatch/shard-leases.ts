import type { Db } from '@errand/postgres';
import { claimShards, leaveShards, releaseShards, renewShards, SHARDS } from './shard-rows.ts';

/*
 * Which endpoints this process sends for. Leases make one process see all of an endpoint, so that its limits and its
 * breaker hold; they are not what keeps deliveries safe, since results are conditional updates.
 *
 *   each third of a lease   renew; take free shards up to a fair share; let go what is above it
 *   a shard is let go       nothing more begins for it, what is under way ends, then the row is free
 *   two thirds of a lease   without a renewal: all shards are taken for lost, before anybody else may have them
 *   a stop                  as letting go of all
 */

export interface ShardLeases {
  /** Lets all shards go. Resolves when others can take them, or when Postgres cannot be told. */
  stop(): Promise<void>;
}

export interface LeaseOptions {
  readonly db: Db;
  /** The shards of this process, which are kept up to date here. */
  readonly owned: Set<number>;
  /** A name that no other process has. */
  readonly owner: string;
  readonly leaseMs: number;
  /** Begins to send for these shards; what rejects is tried again. */
  readonly onGained: (shards: readonly number[]) => Promise<void>;
  /** Begins nothing more for these shards; resolves when nothing of them is under way. */
  readonly onLost: (shards: ReadonlySet<number>) => Promise<void>;
  readonly onError: (error: unknown) => void;
}

export function startShardLeases(options: LeaseOptions): ShardLeases {
  const { db, owned, owner, leaseMs, onGained, onLost, onError } = options;
  const leaving = new Set<number>();
  /** Let go since the renewal under way was sent: its answer may still count them. */
  const released = new Set<number>();
  let renewedMs = performance.now();
  let stopped = false;
  let working: Promise<void> | undefined;
  let letting: Promise<unknown> = Promise.resolve();

  async function gain(shards: readonly number[]): Promise<void> {
    if (shards.length === 0) return;
    await onGained(shards);
    for (const shard of shards) owned.add(shard);
  }

  async function letGo(shards: readonly number[]): Promise<void> {
    if (shards.length === 0) return;
    for (const shard of shards) {
      owned.delete(shard);
      leaving.add(shard);
    }
    try {
      await onLost(new Set(shards));
      await releaseShards(db, owner, shards);
    } finally {
      for (const shard of shards) {
        leaving.delete(shard);
        released.add(shard);
      }
    }
  }

  async function renew(): Promise<void> {
    released.clear();
    const { shards, owners } = await renewShards(db, { owner, leaseMs });
    renewedMs = performance.now();
    const held = new Set(shards);
    const lost = [...owned].filter((shard) => !held.has(shard));
    for (const shard of lost) owned.delete(shard);
    // They belong to somebody else already: nothing to wait for.
    if (lost.length > 0) void onLost(new Set(lost));
    if (stopped) return;
    await gain(shards.filter((shard) => !owned.has(shard) && !leaving.has(shard) && !released.has(shard)));
    const share = Math.ceil(SHARDS / owners);
    const surplus = [...owned].slice(share);
    // Not awaited: leases are renewed while attempts end.
    if (surplus.length > 0) letting = letGo(surplus).catch(onError);
    const most = share - owned.size - leaving.size;
    if (most > 0) await gain(await claimShards(db, { owner, leaseMs, most }));
  }

  function giveUpIfStale(): void {
    if (performance.now() - renewedMs < (leaseMs * 2) / 3 || owned.size === 0) return;
    const lost = new Set(owned);
    owned.clear();
    void onLost(lost);
  }

  const round = () => {
    giveUpIfStale();
    working ??= renew()
      .catch(onError)
      .finally(() => {
        working = undefined;
      });
  };
  round();
  // It goes on while a stop waits for attempts, so that nobody else makes them.
  const timer = setInterval(round, leaseMs / 3);

  return {
    async stop() {
      stopped = true;
      await working;
      await letGo([...owned]).catch(onError);
      await letting;
      clearInterval(timer);
      await working;
      await leaveShards(db, owner).catch(onError);
    },
  };
}
