import { randomUUIDv7 } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { JobId, uuidV7Floor, uuidV7TimeMs } from './ids.ts';

test('a UUIDv7 holds the millisecond at which it was made', () => {
  const before = Date.now();
  const id = JobId.parse(randomUUIDv7());
  expect(uuidV7TimeMs(id)).toBeGreaterThanOrEqual(before);
  expect(uuidV7TimeMs(id)).toBeLessThanOrEqual(Date.now());
});

test('the floor of a millisecond bounds every id of that millisecond and later', () => {
  fc.assert(
    fc.property(fc.nat({ max: 2 ** 47 }), (timeMs) => {
      expect(uuidV7TimeMs(uuidV7Floor(timeMs))).toBe(timeMs);
      expect(uuidV7Floor(timeMs + 1) > uuidV7Floor(timeMs)).toBe(true);
    }),
  );
});
