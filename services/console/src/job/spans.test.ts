import { expect, test } from 'vitest';
import type { Delivery, EventView } from '../api/answers.ts';
import { spansOf } from './spans.ts';

let version = 0;
const event = (type: string, second: number, data: object = {}) =>
  ({ type, version: ++version, time: new Date(second * 1_000).toISOString(), data }) as unknown as EventView;
const started = (second: number, attempt: number, executor_id = 'a') =>
  event('JobStarted', second, { attempt, executor_id });
const shortly = (spans: ReturnType<typeof spansOf>) =>
  spans.map(({ name, from, to, kind, tone }) => `${name} ${from / 1_000}-${to / 1_000} ${kind} ${tone}`);

test('waits, attempts, a retry, a takeover and the end follow each other without a gap', () => {
  const error = { code: 'no', message: 'no' };
  const events = [
    event('JobRequested', 0, {}),
    started(3, 1),
    event('JobProgressed', 4, { attempt: 1, percent: 50 }),
    event('JobRetrying', 10, { attempt: 1, error, retry_at: '' }),
    event('JobDue', 12, { reason: 'retry' }),
    started(13, 2),
    started(20, 2, 'b'),
    event('JobFailed', 30, { attempt: 2, error }),
  ];
  expect(shortly(spansOf(events, [], 99_000))).toEqual([
    'Waited for a slot 0-3 wait idle',
    'Attempt 1 · a 3-10 work bad',
    'Retry wait 10-12 wait idle',
    'Waited for a slot 12-13 wait idle',
    'Attempt 2 · a 13-20 work warn',
    'Attempt 2 · b 20-30 work bad',
    'Ended: failed 30-30 point bad',
  ]);
});

test('what has not ended goes up to now, and a cancel is a point in it', () => {
  const events = [
    event('JobRequested', 0, { start_after: '2026-01-01T00:00:00Z' }),
    event('JobCancelRequested', 5, { by: 'ops' }),
  ];
  expect(shortly(spansOf(events, [], 9_000))).toEqual([
    'Cancel asked for 5-5 point warn',
    'Waited for its start 0-9 wait idle',
  ]);
});

test('a delivery lasts until it is made, one that waits until now', () => {
  const delivery = (status: string): Delivery =>
    ({ status, endpoint_id: 'crm', attempts: 2, created_at: at(10), updated_at: at(12) }) as Delivery;
  const at = (second: number) => new Date(second * 1_000).toISOString();
  expect(shortly(spansOf([], [delivery('delivered'), delivery('pending')], 20_000))).toEqual([
    'Webhook crm 10-12 work ok',
    'Webhook crm 10-20 wait warn',
  ]);
});
