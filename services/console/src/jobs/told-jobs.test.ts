import { expect, test } from 'vitest';
import { createToldJobs } from './told-jobs.ts';

test('what was told of a job is known by its last time, for half a minute', () => {
  const told = createToldJobs();
  told.note(['a', 'b'], 1_000);
  told.note(['a'], 2_000);
  expect(['a', 'b', 'c'].map((id) => told.isSince(id, 1_500))).toEqual([true, false, false]);
  told.note(['c'], 31_500);
  expect(['a', 'b', 'c'].map((id) => told.isSince(id, 0))).toEqual([true, false, true]);
});

test('of what happened before anything was told, nobody knows', () => {
  const told = createToldJobs();
  expect(told.isSince('a', 1_000)).toBe(false);
  told.begin(2_000);
  expect([1_000, 2_500].map((ms) => told.isSince('a', ms))).toEqual([true, false]);
});
