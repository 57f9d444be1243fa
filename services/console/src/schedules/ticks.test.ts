import { expect, test } from 'vitest';
import { goodForMs, offsetOf, timingOf, zonedDayTime, zonedTime } from './ticks.ts';

test('a timing says its expression and time zone, or its seconds', () => {
  expect(timingOf({ cron: '30 6 * * 1-5', time_zone: 'Europe/Berlin', every_s: null })).toBe(
    '30 6 * * 1-5, Europe/Berlin',
  );
  expect(timingOf({ cron: null, time_zone: 'UTC', every_s: 90 })).toBe('every 90 s');
});

test('an instant is shown by the clocks of the time zone, or by UTC if nobody knows that', () => {
  expect(zonedDayTime('2027-01-04T23:30:05.000Z', 'Asia/Kolkata')).toMatch(/5.*05:00:05$/);
  expect(zonedDayTime('2027-01-04T23:30:05.000Z', 'Mars/Base')).toMatch(/4.*23:30:05 UTC$/);
  expect(zonedTime('2027-01-04T23:30:05.000Z', 'Asia/Kolkata')).toBe('05:00:05');
});

test.each([
  [0, 'UTC+0'],
  [60, 'UTC+1'],
  [330, 'UTC+5:30'],
  [-210, 'UTC-3:30'],
])('clocks %i minutes ahead are %s', (minutes, offset) => {
  expect(offsetOf(minutes)).toBe(offset);
});

test('a preview is good until its first tick, but for two seconds at least and for a minute at most', () => {
  const goodFor = (...ticks: string[]) =>
    goodForMs({ ticks, clock_changes: [] }, Date.parse('2027-01-04T12:00:00Z'));
  expect(goodFor('2027-01-04T12:00:07Z', '2027-01-04T12:00:14Z')).toBe(7_000);
  expect(goodFor('2027-01-04T11:59:59Z')).toBe(2_000);
  expect(goodFor('2027-06-04T12:00:00Z')).toBe(60_000);
  expect(goodFor()).toBe(60_000);
});
