import { expect, test } from 'vitest';
import { createRefusalPace } from './refusal-pace.ts';

test('a caller that is refused again and again waits for it, and no other one does', () => {
  const clock = { ms: 0 };
  const delayOf = createRefusalPace(() => clock.ms);
  const delays = Array.from({ length: 25 }, () => delayOf('a'));
  expect(delays).toEqual([...Array(20).fill(0), ...Array(5).fill(250)]);
  expect(delayOf('b')).toBe(0);
  clock.ms = 500;
  expect(Array.from({ length: 12 }, () => delayOf('a'))).toEqual([...Array(10).fill(0), 250, 250]);
});
