import { expect, test } from 'vitest';
import { DURATION_BOUNDS_MS, durationsOfBin } from './duration-bins.ts';

test('bins follow each other without a gap, up to a day and more', () => {
  expect(durationsOfBin(0)).toEqual({ minMs: 0, maxMs: 0 });
  for (let bin = 1; bin <= DURATION_BOUNDS_MS.length; bin++) {
    expect(durationsOfBin(bin).minMs).toBe(durationsOfBin(bin - 1).maxMs + 1);
  }
  expect(durationsOfBin(DURATION_BOUNDS_MS.length).minMs).toBeGreaterThan(86_400_000);
});

test('a bin holds durations that differ by less than half of the shortest', () => {
  for (let bin = 1; bin < DURATION_BOUNDS_MS.length; bin++) {
    const { minMs, maxMs } = durationsOfBin(bin);
    expect(maxMs - minMs).toBeLessThan(minMs / 2);
  }
});
