import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { LogUnavailable } from '@errand/bus';
import type { BulkAction } from '@errand/contracts';
import { repeat } from '@errand/runtime';
import { Refusal } from '../http/problem.ts';
import { isFree, leased, released } from './bulk-progress.ts';
import type { BulkHead, BulkStore } from './bulk-store.ts';

/** A bulk action that this process alone works on, as long as the signal has not fired. */
export interface HeldAction {
  readonly claimed: BulkAction;
  /** Fires when it is to be stopped, is another one's, is over, or when others may take it over. */
  readonly signal: AbortSignal;
  /** Writes it with a new lease. Undefined when the signal has fired. */
  save(make: (own: BulkAction) => BulkAction): Promise<BulkAction | undefined>;
  /** Lets go of it. Without an answer it is free once the lease has lapsed. */
  release(keepsPage: boolean): Promise<void>;
}

export interface HoldDeps {
  readonly store: BulkStore;
  readonly leaseMs: number;
  /** The wall clock, in ms. */
  readonly now: () => number;
}

export const RETRY_MS = 250;
const RELEASE_TRIES = 4;

/** Claims a bulk action and renews its lease. `progress` notes what was done meanwhile. Undefined: somebody has it. */
export async function holdAction(
  head: BulkHead,
  { store, leaseMs, now }: HoldDeps,
  { stop, progress }: { stop: AbortSignal; progress: (own: BulkAction) => BulkAction },
): Promise<HeldAction | undefined> {
  const owner = randomUUID();
  const lost = new AbortController();
  const signal = AbortSignal.any([stop, lost.signal]);
  let lapse: NodeJS.Timeout | undefined;
  const isOwn = ({ lease }: BulkAction) => lease?.owner === owner;
  const renewed = (stored: BulkAction) => leased(stored, { owner, nowMs: now(), leaseMs });

  function rearm({ lease }: BulkAction): void {
    clearTimeout(lapse);
    lapse = setTimeout(() => lost.abort(), Math.max(0, (lease?.until_ms ?? 0) - now())).unref();
  }

  async function save(make: (own: BulkAction) => BulkAction): Promise<BulkAction | undefined> {
    const saved = await persist(signal, () =>
      store.change(head, (stored) => (isOwn(stored) ? make(renewed(stored)) : stored)),
    ).catch((error) => {
      if (!signal.aborted) throw error;
    });
    const goesOn = saved !== undefined && saved.state === 'running' && isOwn(saved) && !signal.aborted;
    if (goesOn) rearm(saved);
    else lost.abort();
    return goesOn ? saved : undefined;
  }

  const claimed = await store.change(head, (stored) => (isFree(stored, now()) ? renewed(stored) : stored));
  if (!claimed || !isOwn(claimed)) return undefined;
  rearm(claimed);
  const renewing = repeat(async () => void (await save(progress)), {
    everyMs: leaseMs / 3,
    signal,
    onError: () => {},
  });
  return {
    claimed,
    signal,
    save,
    async release(keepsPage) {
      lost.abort();
      clearTimeout(lapse);
      await renewing;
      for (let tries = 1; tries <= RELEASE_TRIES; tries++) {
        try {
          await store.change(head, (stored) =>
            isOwn(stored) ? released(progress(stored), keepsPage) : stored,
          );
          return;
        } catch {
          await pause(RETRY_MS);
        }
      }
    },
  };
}

/** Repeats a call that the log or the database did not answer. @throws the signal's reason */
export async function persist<T>(signal: AbortSignal, call: () => Promise<T>): Promise<T> {
  for (;;) {
    signal.throwIfAborted();
    try {
      return await call();
    } catch (error) {
      const isAway =
        error instanceof LogUnavailable ||
        (error instanceof Refusal && error.code === 'database_unavailable');
      if (!isAway) throw error;
    }
    await pause(RETRY_MS, undefined, { signal });
  }
}
