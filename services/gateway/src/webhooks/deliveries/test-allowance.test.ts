import { expect, test } from 'vitest';
import { createTestAllowance } from './test-allowance.ts';

test('so many tests may be made in any minute, by each tenant', () => {
  let nowMs = 0;
  const allowance = createTestAllowance(2, () => nowMs);
  expect(allowance.take('a')).toBe(0);
  nowMs = 30_500;
  expect(allowance.take('a')).toBe(0);
  expect(allowance.take('a')).toBe(30);
  expect(allowance.take('b')).toBe(0);
  nowMs = 59_999;
  expect(allowance.take('a')).toBe(1);
  nowMs = 60_000;
  expect(allowance.take('a')).toBe(0);
  expect(allowance.take('a')).toBe(31);
});
