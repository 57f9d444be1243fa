import type { Flow, Pool } from './pool.ts';

/*
 * How many jobs may be on their way to the executors: what is on its way can no longer be overtaken, so it is bounded by the
 * time that others wait behind it.
 */

/** So many runnable jobs of a tenant and an action need no turn; */
export const DIRECT_JOBS = 10;
/** of one whose jobs have been quick, as many as the executors do in so short a time, and at most so many. */
const QUICK = { ms: 50, jobs: 100 };
/**
 * Where no other tenant has used the pool for a while, there is nobody to wait: turns, which cost an event each, are for
 * what is more than this. The first job of another tenant waits behind these jobs, and no later one does.
 */
const QUICK_ALONE = { ms: 1_000, jobs: 4_000 };
const ALONE_AFTER_MS = 10 * 60_000;
/** How many jobs of a tenant say whether they are quick. */
const KNOWN_FROM = 20;
/** Jobs of a pool that were released and have not begun: enough that no executor waits for a release. */
export const MOST_RELEASED = 16;
/** Of jobs that take longer than this, a share of those that run: whoever comes to the executors directly waits behind them. */
const LONG_MS = 30_000;
const SHARE_OF_LONG = 1 / 4;

/**
 * How many runnable jobs of a flow need no turn, those that there are included. `slots`: what its executors run at a time.
 * Some slow jobs among quick ones count as long as they are some.
 */
export function directRoom(
  { ran, meanMs, steadyMs }: Flow,
  { slots, isAlone }: { slots: number; isAlone: boolean },
): number {
  if (ran < KNOWN_FROM) return DIRECT_JOBS;
  const most = isAlone ? QUICK_ALONE : QUICK;
  const quick = Math.floor((slots * most.ms) / Math.max(1, meanMs, steadyMs));
  return Math.max(DIRECT_JOBS, Math.min(most.jobs, quick));
}

/** Whether no other tenant has used any of an action's pools for a while. */
export function hasToItself(tenantId: string, pools: readonly Pool[]): boolean {
  const nowMs = Math.max(...pools.map(({ usedMs }) => usedMs));
  return pools.every(({ usedBy, usedMs, sharedMs }) => {
    const otherMs = usedBy === tenantId ? sharedMs : usedMs;
    return usedBy === undefined || nowMs - otherMs > ALONE_AFTER_MS;
  });
}

/** How many jobs of a pool may be released and not have begun, `least` where few run. */
export function releaseRoom({ running, meanMs }: Pool, least: number): number {
  if (meanMs >= LONG_MS) return Math.max(least / 4, running * SHARE_OF_LONG);
  // So many run that so many begin, by Little's law; as many, since a release takes about as long.
  const begin = Math.min(QUICK.jobs, (running * QUICK.ms) / Math.max(1, meanMs));
  return Math.max(least, running, begin);
}
