/*
 * Durations are counted in bins, so that those of many minutes can be added up. Bins begin at 0 and 1 ms, then at each power
 * of two and at one and a half times each: 2, 3, 4, 6, 8, 12 ms and so on. A duration is known to less than half of
 * itself, and exactly up to 3 ms. The last bin begins at 28 hours.
 */

const POWERS = 26;

/** Where bins 1, 2, 3 … begin, in milliseconds. */
export const DURATION_BOUNDS_MS: readonly number[] = [
  1,
  ...Array.from({ length: POWERS }, (_, power) => [2 * 2 ** power, 3 * 2 ** power]).flat(),
];

/** In place of a bin: the job ended before any attempt began. */
export const NEVER_STARTED = -1;

/** The shortest and the longest duration of a bin, in whole milliseconds; of the last bin, the shortest is both. */
export function durationsOfBin(bin: number): { minMs: number; maxMs: number } {
  const minMs = DURATION_BOUNDS_MS[bin - 1] ?? 0;
  const next = DURATION_BOUNDS_MS[bin];
  return { minMs, maxMs: next === undefined ? minMs : next - 1 };
}
