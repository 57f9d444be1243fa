import type { Schedule } from '@errand/contracts';
import { tickAfter } from '../timing.ts';

/** A tick that nobody was there for is missed after this. */
const LATE_MS = 60_000;
/** At most so many ticks are made up for. */
const MOST_CAUGHT_UP = 100;

export interface DueTicks {
  /** Those whose jobs are to be asked for, oldest first. All in Unix milliseconds. */
  readonly due: readonly number[];
  /** How many others have passed before them, the oldest and the newest. */
  readonly missed: number;
  readonly oldestMissed: number | undefined;
  readonly newestMissed: number | undefined;
}

/** By how much the jobs of a schedule come behind its ticks, in milliseconds: always the same. */
export function spreadMs({ spread_s, schedule_id }: Pick<Schedule, 'spread_s' | 'schedule_id'>): number {
  return spread_s === 0 ? 0 : Number.parseInt(schedule_id.slice(-8), 16) % (spread_s * 1_000);
}

/**
 * The ticks of a schedule behind the last one that was decided on, and up to now. `catchUpMs`: none is made up for, or
 * counted, that is older.
 */
export function dueTicks(
  schedule: Schedule,
  { doneMs, nowMs, catchUpMs }: { doneMs: number; nowMs: number; catchUpMs: number },
): DueTicks {
  const spread = spreadMs(schedule);
  const fromMs = Math.max(doneMs, Date.parse(schedule.counts_from), nowMs - spread - catchUpMs);
  const passed: number[] = [];
  for (let ms = tickAfter(schedule, fromMs); ms !== undefined && ms + spread <= nowMs; ) {
    passed.push(ms);
    ms = tickAfter(schedule, ms);
  }
  const firstOnTime = passed.findIndex((ms) => nowMs - spread - ms <= LATE_MS);
  const late = firstOnTime < 0 ? passed.length : firstOnTime;
  const madeUp = { none: 0, last: late === passed.length ? 1 : 0, all: MOST_CAUGHT_UP }[schedule.catch_up];
  const missed = Math.max(0, late - madeUp);
  const oldestMissed = missed > 0 ? passed[0] : undefined;
  return { due: passed.slice(missed), missed, oldestMissed, newestMissed: passed[missed - 1] };
}
