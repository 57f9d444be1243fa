import fc from 'fast-check';
import { expect, test } from 'vitest';
import { number } from '../../test/arbitrary-design.ts';
import { coverTable, coverTransmission, lookUpCover } from './module-cover.ts';

const cosine = (deg: number) => Math.cos((deg * Math.PI) / 180);

test.each([false, true])(
  'passes all light at normal incidence and none at grazing (coated: %s)',
  (coated) => {
    expect(coverTransmission(1, coated)).toBe(1);
    expect(coverTransmission(0, coated)).toBeCloseTo(0, 12);
    expect(coverTransmission(cosine(45), coated)).toBeGreaterThan(0.98);
    expect(coverTransmission(cosine(80), coated)).toBeLessThan(0.75);
  },
);

test('agrees with Fresnel reflection of glass at normal incidence and at Brewster angle', () => {
  // At Brewster's angle only the perpendicular part reflects, by ((n² - 1) / (n² + 1))².
  const squared = 1.526 ** 2;
  const brewster = 1 - ((squared - 1) / (squared + 1)) ** 2 / 2;
  const normal = 1 - ((1.526 - 1) / (1.526 + 1)) ** 2;
  expect(coverTransmission(Math.cos(Math.atan(1.526)), false)).toBeCloseTo(brewster / normal, 12);
});

test.each([false, true])('the table stays within 0.001 of the formula (coated: %s)', (coated) => {
  const table = coverTable(coated);
  fc.assert(
    fc.property(number(0, 1), (value) => {
      expect(Math.abs(lookUpCover(table, value) - coverTransmission(value, coated))).toBeLessThan(0.001);
    }),
  );
});

test('a coating lets more slanting light through', () => {
  for (const deg of [50, 60, 70, 80]) {
    expect(coverTransmission(cosine(deg), true)).toBeGreaterThan(coverTransmission(cosine(deg), false));
  }
});
