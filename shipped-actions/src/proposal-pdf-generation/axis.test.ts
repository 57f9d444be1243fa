import fc from 'fast-check';
import { expect, test } from 'vitest';
import { axisMarks } from './axis.ts';

test.each([
  [1_164, [0, 250, 500, 750, 1_000, 1_250]],
  [1_000, [0, 200, 400, 600, 800, 1_000]],
  [0.7, [0, 0.2, 0.4, 0.6, 0.8]],
  [0, [0, 1]],
])('an axis up to %d is marked at %j', (max, marks) => {
  expect(axisMarks(max)).toEqual(marks);
});

test('an axis reaches its highest value with 4 to 7 marks', () => {
  fc.assert(
    fc.property(fc.double({ min: 1e-3, max: 1e9, noNaN: true }), (max) => {
      const marks = axisMarks(max);
      expect(marks.at(-1)).toBeGreaterThanOrEqual(max * (1 - 1e-9));
      expect(marks.length).toBeGreaterThanOrEqual(4);
      expect(marks.length).toBeLessThanOrEqual(7);
    }),
  );
});
