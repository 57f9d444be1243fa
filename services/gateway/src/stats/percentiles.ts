import { durationsOfBin } from '@errand/postgres';

export interface Percentiles {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

/**
 * Percentiles of durations that were counted in bins, in whole milliseconds; null for none. Each is off by less than half of
 * the true one (the nearest rank), as a bin is no wider; what took 28 hours or longer counts as 28 hours.
 */
export function percentilesOf(bins: ReadonlyMap<number, number>): Percentiles | null {
  const sorted = [...bins].filter(([, jobs]) => jobs > 0).sort(([a], [b]) => a - b);
  const jobs = sorted.reduce((sum, [, each]) => sum + each, 0);
  if (jobs === 0) return null;
  const at = (percent: number) => durationAtRank(sorted, Math.ceil((percent * jobs) / 100));
  return { p50: at(50), p95: at(95), p99: at(99) };
}

/** As if the jobs of a bin lay evenly in it. */
function durationAtRank(sorted: readonly (readonly [bin: number, jobs: number])[], rank: number): number {
  let before = 0;
  for (const [bin, jobs] of sorted) {
    if (before + jobs >= rank) {
      const { minMs, maxMs } = durationsOfBin(bin);
      return Math.round(minMs + ((maxMs - minMs) * (rank - before)) / jobs);
    }
    before += jobs;
  }
  return 0;
}
