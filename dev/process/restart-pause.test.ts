import fc from 'fast-check';
import { expect, test } from 'vitest';
import { restartPauseMs } from './restart-pause.ts';

test('the first restart is at once, later ones wait longer up to five seconds', () => {
  const pauses = [1, 2, 3, 4, 5, 6, 7, 100].map(restartPauseMs);
  expect(pauses).toEqual([0, 250, 500, 1000, 2000, 4000, 5000, 5000]);
});

test('a pause is never shorter than the one before it', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 10_000 }), (failures) => {
      expect(restartPauseMs(failures + 1)).toBeGreaterThanOrEqual(restartPauseMs(failures));
    }),
  );
});
