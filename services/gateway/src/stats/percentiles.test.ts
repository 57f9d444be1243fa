import { DURATION_BOUNDS_MS } from '@errand/postgres';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { percentilesOf } from './percentiles.ts';

/** The last bound that a duration reaches. */
function binOf(ms: number): number {
  return DURATION_BOUNDS_MS.filter((bound) => bound <= ms).length;
}

function nearestRank(sorted: readonly number[], percent: number): number {
  return sorted[Math.ceil((percent * sorted.length) / 100) - 1] ?? Number.NaN;
}

test('each is off by less than half of what a direct computation gives, and by nothing up to 3 ms', () => {
  const duration = fc.oneof(fc.nat(10), fc.nat(5_000), fc.nat(86_400_000));
  fc.assert(
    fc.property(fc.array(duration, { minLength: 1, maxLength: 300 }), (durations) => {
      const bins = new Map<number, number>();
      for (const ms of durations) bins.set(binOf(ms), (bins.get(binOf(ms)) ?? 0) + 1);
      const sorted = durations.toSorted((a, b) => a - b);
      const found = percentilesOf(bins);
      for (const percent of [50, 95, 99] as const) {
        const exact = nearestRank(sorted, percent);
        const error = Math.abs((found?.[`p${percent}`] ?? Number.NaN) - exact);
        if (exact <= 3) expect(error).toBe(0);
        else expect(error).toBeLessThan(exact / 2);
      }
    }),
  );
});

test('there are none of no durations', () => {
  expect(percentilesOf(new Map())).toBeNull();
  expect(percentilesOf(new Map([[3, 0]]))).toBeNull();
});

test('what is longer than a day and four hours counts as that', () => {
  expect(percentilesOf(new Map([[DURATION_BOUNDS_MS.length, 2]]))?.p99).toBe(DURATION_BOUNDS_MS.at(-1));
});
