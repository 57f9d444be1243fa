import { setTimeout as pause } from 'node:timers/promises';
import type { ItemOutcome } from './bulk-progress.ts';
import type { ItemResult } from './items/handle-item.ts';

export interface PageWork {
  readonly jobIds: readonly string[];
  /** How many jobs are under way at a time. */
  readonly concurrency: number;
  /** Resolves when the next job may begin; rejects when the signal fires. */
  readonly pace: (signal: AbortSignal) => Promise<void>;
  /** `mayBeDone`: an attempt had no answer. */
  readonly handle: (jobId: string, mayBeDone: boolean) => Promise<ItemResult>;
  /** No job begins after it. */
  readonly signal: AbortSignal;
}

/**
 * Does the jobs of a page in their order, and puts what became of each into `outcomes`. Resolves, when nothing of it is under
 * way any more, with whether every job that may have been touched has an outcome, and none before it that was not: only so
 * many are counted.
 */
export async function workOnPage(work: PageWork, outcomes: Map<string, ItemOutcome>): Promise<boolean> {
  const rest = work.jobIds.values();
  let isWhole = true;
  const worker = async () => {
    for (const jobId of rest) {
      const ended = await handleUntilOver(jobId, work);
      if (ended.outcome) outcomes.set(jobId, ended.outcome);
      else if (ended.mayBeDone) isWhole = false;
      if (work.signal.aborted) return;
    }
  };
  await Promise.all(Array.from({ length: work.concurrency }, worker));
  const first = work.jobIds.findIndex((jobId) => !outcomes.has(jobId));
  return isWhole && (first === -1 || !work.jobIds.slice(first).some((jobId) => outcomes.has(jobId)));
}

async function handleUntilOver(
  jobId: string,
  { pace, handle, signal }: PageWork,
): Promise<{ outcome?: ItemOutcome; mayBeDone: boolean }> {
  for (let mayBeDone = false; ; ) {
    try {
      await pace(signal);
    } catch {
      return { mayBeDone };
    }
    const result = await handle(jobId, mayBeDone);
    if (result.kind !== 'wait') return { outcome: result, mayBeDone };
    mayBeDone ||= result.mayBeDone;
    await pause(result.waitMs, undefined, { signal }).catch(() => {});
  }
}

interface PaceClock {
  readonly now: () => number;
  readonly wait: (ms: number, signal: AbortSignal) => Promise<void>;
}

const CLOCK: PaceClock = {
  now: () => performance.now(),
  wait: (ms, signal) => pause(ms, undefined, { signal }),
};

/** Lets so many begin in a second, one after the other, whoever asks. */
export function createItemPace(perSecond: number, { now, wait }: PaceClock = CLOCK): PageWork['pace'] {
  const stepMs = 1_000 / perSecond;
  let nextMs = 0;
  return async (signal) => {
    signal.throwIfAborted();
    const nowMs = now();
    const atMs = Math.max(nowMs, nextMs);
    nextMs = atMs + stepMs;
    if (atMs > nowMs) await wait(atMs - nowMs, signal);
  };
}
