import fc from 'fast-check';
import { expect, test } from 'vitest';
import { number } from '../../test/arbitrary-design.ts';
import { invert } from './inverter.ts';
import { cellTemperatureC, dcPowerPerKw } from './module-power.ts';

const kw = number(0, 1e6);
const inverters = fc.record({
  acKw: number(0.001, 1e6),
  efficiency: number(0.5, 1),
});

test('never delivers more than it takes or than its limit, and clipping is never negative', () => {
  fc.assert(
    fc.property(kw, inverters, (dcKw, inverter) => {
      const { acKw, clippedKw } = invert(dcKw, inverter);
      expect(acKw).toBeGreaterThanOrEqual(0);
      expect(acKw).toBeLessThanOrEqual(Math.min(dcKw, inverter.acKw));
      expect(clippedKw).toBeGreaterThanOrEqual(0);
      expect(acKw + clippedKw).toBeLessThanOrEqual(dcKw * (1 + 1e-12));
    }),
  );
});

test('delivers its rated power at full load and clips everything above it', () => {
  const inverter = { acKw: 96, efficiency: 0.96 };
  expect(invert(100, inverter).acKw).toBe(96);
  expect(invert(150, inverter)).toEqual({ acKw: 96, clippedKw: 48 });
  expect(invert(99.999_999, inverter).acKw).toBeCloseTo(96, 5);
});

test('follows the PVWatts part-load curve below full load', () => {
  const expected = 50 * (-0.0162 * 0.5 - 0.0059 / 0.5 + 0.9858) * (0.96 / 0.9637);
  expect(invert(50, { acKw: 96, efficiency: 0.96 }).acKw).toBeCloseTo(expected, 12);
  expect(invert(0.5, { acKw: 96, efficiency: 0.96 }).acKw).toBe(0);
});

test('more DC never means less AC', () => {
  fc.assert(
    fc.property(kw, kw, inverters, (left, right, inverter) => {
      const [less, more] = left < right ? [left, right] : [right, left];
      expect(invert(less, inverter).acKw).toBeLessThanOrEqual(invert(more, inverter).acKw * (1 + 1e-12));
    }),
  );
});

test('modules give their rated power at 1000 W/m² and 25 °C and lose it with heat', () => {
  expect(dcPowerPerKw(1000, 25, -0.0047)).toBe(1);
  expect(dcPowerPerKw(1000, 45, -0.0047)).toBeCloseTo(0.906, 9);
  expect(dcPowerPerKw(1000, 500, -0.0047)).toBe(0);
});

test('cells reach their nominal operating temperature at 800 W/m² and 20 °C', () => {
  expect(cellTemperatureC(20, 800)).toBe(45);
  expect(cellTemperatureC(-10, 0)).toBe(-10);
});
