import fc from 'fast-check';
import { expect, test } from 'vitest';
import { retryDelayMs } from './retry-policy.ts';

const policy = { maxAttempts: 4, firstDelayMs: 1_000, maxDelayMs: 3_000 };

test('each wait is twice the one before, up to the longest', () => {
  const waits = [1, 2, 3].map((attempt) => retryDelayMs(policy, attempt, 0.999_999));
  expect(waits).toEqual([1_000, 2_000, 3_000]);
});

test('the last attempt has no wait after it', () => {
  expect(retryDelayMs(policy, 4, 0.5)).toBeUndefined();
  expect(retryDelayMs({ ...policy, maxAttempts: 1 }, 1, 0.5)).toBeUndefined();
});

test('a wait is a whole number of milliseconds between half the delay and all of it', () => {
  const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 3 }), random, (attempt, drawn) => {
      const delay = Math.min(3_000, 1_000 * 2 ** (attempt - 1));
      const wait = retryDelayMs(policy, attempt, drawn) ?? Number.NaN;
      expect(Number.isInteger(wait)).toBe(true);
      expect(wait).toBeGreaterThanOrEqual(delay / 2);
      expect(wait).toBeLessThanOrEqual(delay);
    }),
  );
});
