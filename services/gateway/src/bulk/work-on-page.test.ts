import { expect, test } from 'vitest';
import type { ItemOutcome } from './bulk-progress.ts';
import type { ItemResult } from './items/handle-item.ts';
import { createItemPace, workOnPage } from './work-on-page.ts';

const DONE: ItemOutcome = { kind: 'done' };
const pace = async (signal: AbortSignal) => signal.throwIfAborted();

function work(
  handle: (jobId: string, mayBeDone: boolean) => Promise<ItemResult>,
  stop = new AbortController(),
) {
  const outcomes = new Map<string, ItemOutcome>();
  const page = { jobIds: ['a', 'b', 'c', 'd'], concurrency: 2, pace, handle, signal: stop.signal };
  return { outcomes, whole: workOnPage(page, outcomes) };
}

test('so many at a time, in their order', async () => {
  let underWay = 0;
  let most = 0;
  const begun: string[] = [];
  const { outcomes, whole } = work(async (jobId) => {
    begun.push(jobId);
    most = Math.max(most, ++underWay);
    await Promise.resolve();
    underWay--;
    return DONE;
  });
  expect(await whole).toBe(true);
  expect([most, begun, [...outcomes.keys()].sort()]).toEqual([2, ['a', 'b', 'c', 'd'], ['a', 'b', 'c', 'd']]);
});

test('after a stop no job begins, and those under way come to their end', async () => {
  const stop = new AbortController();
  const { outcomes, whole } = work(async (jobId) => {
    if (jobId === 'b') stop.abort();
    return DONE;
  }, stop);
  expect(await whole).toBe(true);
  expect([...outcomes.keys()].sort()).toEqual(['a', 'b']);
});

test('a job without an answer is tried again as one that may be done, and a stop leaves it so', async () => {
  const stop = new AbortController();
  const tries: boolean[] = [];
  const { outcomes, whole } = work(async (jobId, mayBeDone) => {
    if (jobId !== 'a') return DONE;
    tries.push(mayBeDone);
    if (tries.length === 2) stop.abort();
    return { kind: 'wait', waitMs: 1, mayBeDone: tries.length === 1 };
  }, stop);
  expect(await whole).toBe(false);
  expect(tries).toEqual([false, true]);
  expect([...outcomes.keys()].sort()).toEqual(['b', 'c', 'd']);
});

test('a job that was refused before it was touched leaves the page whole', async () => {
  const stop = new AbortController();
  const { whole } = work(async () => {
    stop.abort();
    return { kind: 'wait', waitMs: 1, mayBeDone: false };
  }, stop);
  expect(await whole).toBe(true);
});

test('a job that waits before others that are done does not leave the page whole', async () => {
  const stop = new AbortController();
  const { outcomes, whole } = work(async (jobId) => {
    if (jobId === 'a') return { kind: 'wait', waitMs: 1, mayBeDone: false };
    if (jobId === 'd') stop.abort();
    return DONE;
  }, stop);
  expect(await whole).toBe(false);
  expect([...outcomes.keys()].sort()).toEqual(['b', 'c', 'd']);
});

test('the pace is one for all who ask, saves up nothing, and ends with the signal', async () => {
  let nowMs = 100;
  const waits: number[] = [];
  const wait = async (ms: number) => void waits.push(ms);
  const next = createItemPace(100, { now: () => nowMs, wait });
  const { signal } = new AbortController();
  for (let count = 0; count < 3; count++) await next(signal);
  nowMs = 1_000;
  for (let count = 0; count < 2; count++) await next(signal);
  expect(waits).toEqual([10, 20, 10]);
  await expect(next(AbortSignal.abort())).rejects.toThrow();
});
