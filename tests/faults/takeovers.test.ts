import type { JobFact } from '@errand/contracts';
import { REQUEST, record } from '@errand/domain/testing';
import { expect, test } from 'vitest';
import { countAttempts } from './takeovers.ts';

const requested: JobFact = { type: 'JobRequested', data: REQUEST };
const started = (attempt: number, pid: number): JobFact => ({
  type: 'JobStarted',
  data: { attempt, executor_id: `host-${pid}-0a` },
});
const retrying: JobFact = {
  type: 'JobRetrying',
  data: { attempt: 1, error: { code: 'a', message: '' }, retry_at: '2026-01-01T00:00:03.000Z' },
};
/** The test's log has one event per second: the attempts begin in seconds one and two. */
const takenOver = [record([requested, started(1, 7), started(2, 8)])];
const atMs = (second: number) => Date.UTC(2026, 0, 1, 0, 0, second);

test('an attempt in place of one under way is a takeover', () => {
  const counts = countAttempts(takenOver, [{ pid: 7, fromMs: atMs(1), toMs: Number.POSITIVE_INFINITY }]);
  expect(counts).toEqual({ takeovers: 1, needless: 0, retries: 0, highest: 2 });
});

test('an attempt after a failed one is a retry', () => {
  const counts = countAttempts([record([requested, started(1, 7), retrying, started(2, 8)])], []);
  expect(counts).toEqual({ takeovers: 0, needless: 0, retries: 1, highest: 2 });
});

test('an attempt that was handed over and starts anew is neither', () => {
  const handedOver: JobFact = { type: 'JobDue', data: { reason: 'retry', handed_over_by: 'host-7-0a' } };
  const counts = countAttempts([record([requested, started(1, 7), handedOver, started(1, 8)])], []);
  expect(counts).toEqual({ takeovers: 0, needless: 0, retries: 0, highest: 1 });
});

test.each([
  ['nothing was away', []],
  ['another process was away', [{ pid: 8, fromMs: atMs(0), toMs: atMs(9) }]],
  ['its executor was away before', [{ pid: 7, fromMs: atMs(0), toMs: atMs(0) }]],
  ['its executor was away after', [{ pid: 7, fromMs: atMs(3), toMs: atMs(4) }]],
])('a takeover is needless if %s', (_, absences) => {
  expect(countAttempts(takenOver, absences).needless).toBe(1);
});

test('a takeover while a server was away is not needless', () => {
  expect(countAttempts(takenOver, [{ fromMs: atMs(1), toMs: atMs(2) }]).needless).toBe(0);
});
