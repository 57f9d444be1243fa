import fc from 'fast-check';
import { expect, test } from 'vitest';
import { nextAttempt, RETRY_SCHEDULE } from './retry-schedule.ts';

const HOUR_MS = 3_600_000;
const LIFE_MS = 72 * HOUR_MS;
const failed = { nowMs: 1_000_000, expiresAtMs: 1_000_000 + LIFE_MS, random: 0.5 };
const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

test('the first attempt is due at once and the last one within the life of a delivery', () => {
  expect(RETRY_SCHEDULE.waitsMs[0]).toBe(0);
  expect(RETRY_SCHEDULE.waitsMs).toHaveLength(11);
  const allMs = RETRY_SCHEDULE.waitsMs.reduce((sum, waitMs) => sum + waitMs, 0);
  expect(allMs).toBeLessThan(LIFE_MS);
});

test('in the middle of the jitter the wait is that of the table', () => {
  expect(nextAttempt(RETRY_SCHEDULE, { ...failed, attempt: 1 })).toEqual({ kind: 'at', timeMs: 1_005_000 });
  expect(nextAttempt(RETRY_SCHEDULE, { ...failed, attempt: 4 })).toEqual({ kind: 'at', timeMs: 1_600_000 });
});

test('a wait stays within 20 % of the table', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 10 }), random, (attempt, random) => {
      const next = nextAttempt(RETRY_SCHEDULE, { ...failed, attempt, random });
      const waitMs = RETRY_SCHEDULE.waitsMs[attempt] ?? Number.NaN;
      expect(next.kind).toBe('at');
      if (next.kind !== 'at') return;
      expect(next.timeMs - failed.nowMs).toBeGreaterThanOrEqual(Math.floor(waitMs * 0.8));
      expect(next.timeMs - failed.nowMs).toBeLessThanOrEqual(Math.ceil(waitMs * 1.2));
    }),
  );
});

test('after the eleventh attempt there is none', () => {
  expect(nextAttempt(RETRY_SCHEDULE, { ...failed, attempt: 11 })).toEqual({ kind: 'exhausted' });
});

test('no attempt is ever set at or after the end of the life', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 10 }),
      random,
      fc.integer({ min: 0, max: LIFE_MS }),
      (attempt, random, ageMs) => {
        const nowMs = failed.nowMs + ageMs;
        const next = nextAttempt(RETRY_SCHEDULE, { ...failed, attempt, random, nowMs });
        if (next.kind !== 'at') return;
        expect(next.timeMs).toBeLessThan(failed.expiresAtMs);
      },
    ),
  );
});

test('a delivery whose next attempt would come too late is expired', () => {
  const nowMs = failed.expiresAtMs - HOUR_MS;
  expect(nextAttempt(RETRY_SCHEDULE, { ...failed, attempt: 7, nowMs })).toEqual({ kind: 'expired' });
});
