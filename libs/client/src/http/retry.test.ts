import { expect, onTestFinished, test, vi } from 'vitest';
import { ErrandError } from '../errors.ts';
import { countRetries, DEFAULT_RETRY, readRetryAfter, retryPolicyOf, timeRetries } from './retry.ts';

const NOW = Date.parse('2026-01-01T00:00:00Z');
const failure = (retryable: boolean, retryAfterMs?: number) =>
  new ErrandError('x', { detail: 'x', retryable, retryAfterMs });
const POLICY = { ...DEFAULT_RETRY, baseDelayMs: 1, maxDelayMs: 1, maxAttempts: 3 };

test.each([
  ['0', 0],
  ['120', 120_000],
  [' 7 ', 7_000],
  ['Thu, 01 Jan 2026 00:00:05 GMT', 5_000],
  ['Wed, 31 Dec 2025 00:00:00 GMT', 0],
  ['-1', undefined],
  ['1.5', undefined],
  ['soon', undefined],
  ['2026', 2_026_000],
  ['', undefined],
  [null, undefined],
])('Retry-After %j is %s ms', (header, ms) => {
  expect(readRetryAfter(header, NOW)).toBe(ms);
});

test('what a policy leaves out, or sets to undefined, is the default', () => {
  expect(retryPolicyOf()).toEqual(DEFAULT_RETRY);
  expect(retryPolicyOf({ maxAttempts: undefined, maxTimeMs: undefined, maxDelayMs: 0 })).toEqual({
    ...DEFAULT_RETRY,
    maxDelayMs: 0,
  });
});

test('the last attempt fails with its own error, and progress restarts the count', async () => {
  const retries = countRetries(POLICY);
  await retries.next(failure(true));
  await retries.next(failure(true));
  const last = failure(true);
  await expect(retries.next(last)).rejects.toBe(last);
  retries.reset();
  await retries.next(failure(true));
});

test('what outlasts outages has as many attempts as its time, which begins with the first failure', async () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const retries = timeRetries({ ...POLICY, maxTimeMs: 10 });
  vi.advanceTimersByTime(1_000);
  let attempts = 0;
  const last = failure(true);
  const outage = (async () => {
    for (;;) {
      attempts += 1;
      await retries.next(last);
    }
  })().catch((error: unknown) => error);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(await outage).toBe(last);
  expect(attempts).toBeGreaterThan(POLICY.maxAttempts);
});

test('an error that cannot pass, or is a bug, is given up at once', async () => {
  for (const error of [failure(false), new TypeError('bug')]) {
    await expect(countRetries(POLICY).next(error)).rejects.toBe(error);
  }
});

test('a pause that would end after the time for retries is not begun', async () => {
  const far = failure(true, POLICY.maxTimeMs);
  await expect(countRetries(POLICY).next(far)).rejects.toBe(far);
});

test('a pause is ended by its signal', async () => {
  const controller = new AbortController();
  const pause = countRetries(POLICY).next(failure(true, 50_000), controller.signal);
  controller.abort(new Error('enough'));
  await expect(pause).rejects.toThrow('enough');
});
