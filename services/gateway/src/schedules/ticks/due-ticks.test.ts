import type { Schedule } from '@errand/contracts';
import { describe, expect, test } from 'vitest';
import { dueTicks, spreadMs } from './due-ticks.ts';

const START = Date.parse('2026-01-01T00:00:00.000Z');
const MINUTE = 60_000;
const HOUR = 3_600_000;

const every = (every_s: number, about: Partial<Schedule> = {}) =>
  ({
    cron: null,
    time_zone: 'UTC',
    every_s,
    starts_at: null,
    ends_at: null,
    created_at: new Date(START).toISOString(),
    counts_from: new Date(START).toISOString(),
    catch_up: 'last',
    spread_s: 0,
    schedule_id: `sch_${'f'.repeat(32)}`,
    ...about,
  }) as Schedule;

const due = (schedule: Schedule, done: number, now: number, catchUp = 24 * HOUR) => {
  const found = dueTicks(schedule, { doneMs: START + done, nowMs: START + now, catchUpMs: catchUp });
  return [found.due.map((ms) => (ms - START) / MINUTE), found.missed] as const;
};

describe('ticks that are on time are all due, whatever the policy', () => {
  test.each(['none', 'last', 'all'] as const)('%s', (catch_up) => {
    expect(due(every(20, { catch_up }), 0, MINUTE)).toEqual([[1 / 3, 2 / 3, 1], 0]);
    expect(due(every(600, { catch_up }), 0, 11 * MINUTE)).toEqual([[10], 0]);
  });
});

test('of those that are late: none, the last unless there is a newer one, or all', () => {
  const after = (catch_up: Schedule['catch_up'], now: number) => due(every(600, { catch_up }), 0, now);
  expect(after('none', 35 * MINUTE)).toEqual([[], 3]);
  expect(after('none', 30 * MINUTE)).toEqual([[30], 2]);
  expect(after('last', 35 * MINUTE)).toEqual([[30], 2]);
  expect(after('last', 30 * MINUTE)).toEqual([[30], 2]);
  expect(after('all', 35 * MINUTE)).toEqual([[10, 20, 30], 0]);
});

test('of those that are late at most a hundred are made up for, the newest', () => {
  const [ticks, missed] = due(every(60, { catch_up: 'all' }), 0, 10 * HOUR);
  // The last two are on time.
  expect([ticks.length, ticks.at(-1), missed]).toEqual([102, 600, 498]);
});

test('what is older than the gateway makes up for is not even counted', () => {
  expect(due(every(3_600, { catch_up: 'all' }), 0, 10 * HOUR, 3 * HOUR - 1)).toEqual([[480, 540, 600], 0]);
});

test('a schedule owes nothing of the time before it was resumed', () => {
  const counts_from = new Date(START + 2 * HOUR).toISOString();
  expect(due(every(3_600, { catch_up: 'all', counts_from }), 0, 3 * HOUR)).toEqual([[180], 0]);
});

test('with a spread, a tick is due at the moment of its schedule, and late after that', () => {
  const spread = every(600, { catch_up: 'none', spread_s: 300 });
  const moment = spreadMs(spread);
  expect(moment).toBe(0xff_ff_ff_ff % 300_000);
  expect(due(spread, 0, 10 * MINUTE + moment - 1)).toEqual([[], 0]);
  expect(due(spread, 0, 11 * MINUTE + moment)).toEqual([[10], 0]);
  expect(due(spread, 0, 11 * MINUTE + moment + 1)).toEqual([[], 1]);
});
