import { expect, test } from 'vitest';
import { clock, durationOf, relative, spanOf } from './times.ts';

const AT = '2026-01-31T12:00:00Z';

test.each([
  [0, '0 s'],
  [59_999, '59 s'],
  [60_000, '1 min'],
  [3_599_999, '59 min'],
  [90_000_000, '1 d'],
])('%i ms are %s', (ms, text) => {
  expect(spanOf(ms)).toBe(text);
});

test('short durations have a tenth', () => {
  expect([durationOf(440), durationOf(9_999), durationOf(10_000)]).toEqual(['0.4 s', '10.0 s', '10 s']);
});

test('times are in the past or in the future', () => {
  expect(relative(AT, Date.parse(AT) + 5_000)).toBe('5 s ago');
  expect(relative(AT, Date.parse(AT) - 7_200_000)).toBe('in 2 h');
  expect(relative(null, 0)).toBe('');
});

test.each([
  [-5, '0:00'],
  [5_999, '0:05'],
  [754_000, '12:34'],
  [3_723_000, '1:02:03'],
])('%i ms on a clock are %s', (ms, text) => {
  expect(clock(ms)).toBe(text);
});
