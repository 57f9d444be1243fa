import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isAtLeast } from './probe-nats-server.ts';

test.each([
  ['2.12.0', true],
  ['2.12.0-RC.1', true],
  ['2.15.1', true],
  ['3.0.0', true],
  ['2.11.9', false],
  ['2.9.22', false],
])('%s is at least 2.12.0: %s', (version, expected) => {
  expect(isAtLeast(version, '2.12.0')).toBe(expected);
});

test('of two versions, each is at least the other only when they are equal', () => {
  const version = fc.array(fc.nat(20), { minLength: 3, maxLength: 3 }).map((parts) => parts.join('.'));
  fc.assert(
    fc.property(version, version, (a, b) => {
      expect(isAtLeast(a, b) && isAtLeast(b, a)).toBe(a === b);
      expect(isAtLeast(a, b) || isAtLeast(b, a)).toBe(true);
    }),
  );
});
