/*
 * The earliest time at which a delivery is tried again. An endpoint that asks not to be called holds its whole queue
 * (breaker.ts), and the hold ends for all of it at once.
 *
 *   attempt             1    2     3      4     5      6      7     8     9     10     11
 *   wait before it      0    5 s   30 s   2 m   10 m   30 m   2 h   6 h   12 h  24 h   24 h
 *   after the event     0    5 s   35 s   3 m   13 m   43 m   3 h   9 h   21 h  45 h   69 h
 *
 * Each wait varies by ±20 %, so that deliveries which failed together do not come back together. A delivery is
 * given up after its last attempt, or as soon as the next one would fall beyond its life of 72 h.
 */

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

export interface RetrySchedule {
  /** The wait before each attempt, the first included, in milliseconds; as many as there are attempts. */
  readonly waitsMs: readonly number[];
  /** Share by which a wait varies at most, up and down. */
  readonly jitter: number;
}

export const RETRY_SCHEDULE: RetrySchedule = {
  waitsMs: [
    0,
    5 * SECOND,
    30 * SECOND,
    2 * MINUTE,
    10 * MINUTE,
    30 * MINUTE,
    2 * HOUR,
    6 * HOUR,
    12 * HOUR,
    24 * HOUR,
    24 * HOUR,
  ],
  jitter: 0.2,
};

export type NextAttempt = { kind: 'at'; timeMs: number } | { kind: 'exhausted' } | { kind: 'expired' };

/** When to try again after the given attempt (from 1) failed, or why not. `random` is in [0, 1). */
export function nextAttempt(
  schedule: RetrySchedule,
  failed: {
    attempt: number;
    nowMs: number;
    expiresAtMs: number;
    random: number;
  },
): NextAttempt {
  const waitMs = schedule.waitsMs[failed.attempt];
  if (waitMs === undefined) return { kind: 'exhausted' };
  const spread = 1 + schedule.jitter * (2 * failed.random - 1);
  const timeMs = Math.round(failed.nowMs + waitMs * spread);
  return timeMs < failed.expiresAtMs ? { kind: 'at', timeMs } : { kind: 'expired' };
}
