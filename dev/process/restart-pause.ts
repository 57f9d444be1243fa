/** A child that lived this long was healthy: the next pause is the first one again. */
export const STEADY_AFTER_MS = 10_000;

const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 5_000;

/**
 * How long to wait before a child is restarted, in milliseconds: 0, 250, 500, … 5,000. `failuresInARow` counts from 1
 * and includes the current one.
 */
export function restartPauseMs(failuresInARow: number): number {
  if (failuresInARow <= 1) return 0;
  return Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (failuresInARow - 2));
}
