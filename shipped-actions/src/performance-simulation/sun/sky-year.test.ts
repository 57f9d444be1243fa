import fc from 'fast-check';
import { expect, test } from 'vitest';
import { climates, number } from '../../../test/arbitrary-design.ts';
import { defaultMonthlyMeansC } from '../ambient-temperature.ts';
import { DEFAULT_CLEARNESS } from '../monthly-ghi.ts';
import { clearSkyGhiWm2 } from './clear-sky.ts';
import { diffuseFraction, splitGhi } from './diffuse-split.ts';
import { skyYear } from './sky-year.ts';

const bergen = { latitude: 60.39, longitude: 5.32, elevation_m: 12, utc_offset_h: 1 };
const sumKwhM2 = (hours: { ghiWm2: number }[]) => hours.reduce((sum, { ghiWm2 }) => sum + ghiWm2 / 1000, 0);

test('the hours of each month sum to the given irradiation of that month', () => {
  const ghi = [8, 23, 62, 105, 146, 150, 142, 108, 64, 29, 10, 5];
  const sums = skyYear({ location: bergen, year: 2025, monthly_ghi_kwh_m2: ghi }).map(sumKwhM2);
  for (const [month, sum] of sums.entries()) expect(sum).toBeCloseTo(ghi[month] ?? Number.NaN, 9);
});

test('without given irradiation, a cloudless year is scaled by the default clearness', () => {
  const place = { latitude: 0, longitude: 0, elevation_m: 0, utc_offset_h: 0 };
  const annual = skyYear({ location: place, year: 2025 }).reduce((sum, hours) => sum + sumKwhM2(hours), 0);
  const cloudless = annual / DEFAULT_CLEARNESS;
  expect(cloudless).toBeGreaterThan(2300);
  expect(cloudless).toBeLessThan(2700);
});

test('a cloudless sun overhead at the sea gives the Ineichen-Perez value worked by hand', () => {
  const overhead = { east: 0, north: 0, up: 1, extraterrestrialWm2: 1361, airMass: 1, solarHour: 12 };
  expect(clearSkyGhiWm2(overhead, 0)).toBeCloseTo(0.868 * 1361 * Math.exp(-0.0387 * 3), 9);
  expect(clearSkyGhiWm2(overhead, 3000)).toBeGreaterThan(clearSkyGhiWm2(overhead, 0));
  expect(clearSkyGhiWm2({ ...overhead, up: -0.1 }, 0)).toBe(0);
});

test('a month of polar night has no light, whatever sum is asked for, and stays finite', () => {
  const place = { latitude: 85, longitude: 20, elevation_m: 0, utc_offset_h: 1 };
  const sky = skyYear({ location: place, year: 2025, monthly_ghi_kwh_m2: new Array(12).fill(1) });
  expect(sumKwhM2(sky[11] ?? [])).toBe(0);
  expect(sumKwhM2(sky[5] ?? [])).toBeCloseTo(1, 9);
  for (const hour of sky.flat()) expect(Object.values(hour).every(Number.isFinite)).toBe(true);
});

test('the daily temperature cycle keeps the monthly mean and is warmest in the afternoon', () => {
  const means = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
  const sky = skyYear({ location: bergen, year: 2025, monthly_mean_temperature_c: means });
  for (const [month, hours] of sky.entries()) {
    const mean = hours.reduce((sum, { ambientC }) => sum + ambientC, 0) / hours.length;
    expect(mean).toBeCloseTo(means[month] ?? Number.NaN, 9);
  }
  const firstDay = (sky[0] ?? []).slice(0, 24).map(({ ambientC }) => ambientC);
  expect(firstDay.indexOf(Math.max(...firstDay))).toBe(15);
});

test('default temperatures are warm at the equator, cold on a mountain, and swap seasons across it', () => {
  expect(Math.min(...defaultMonthlyMeansC(0, 0))).toBeGreaterThan(25);
  const north = defaultMonthlyMeansC(50, 0);
  const south = defaultMonthlyMeansC(-50, 0);
  expect(north.indexOf(Math.max(...north))).toBe(6);
  expect(south.indexOf(Math.max(...south))).toBe(0);
  expect(defaultMonthlyMeansC(50, 2000)[0]).toBeCloseTo((north[0] ?? 0) - 13, 9);
});

test('the diffuse share falls from 1 under thick cloud to 0.165 and has no gap between its pieces', () => {
  expect(diffuseFraction(0)).toBe(1);
  expect(diffuseFraction(0.9)).toBe(0.165);
  for (const joint of [0.22, 0.8]) {
    expect(Math.abs(diffuseFraction(joint - 1e-9) - diffuseFraction(joint + 1e-9))).toBeLessThan(0.005);
  }
  fc.assert(
    fc.property(number(0, 5), (clearness) => {
      expect(diffuseFraction(clearness)).toBeGreaterThanOrEqual(0.14);
      expect(diffuseFraction(clearness)).toBeLessThanOrEqual(1);
    }),
  );
});

test('with the sun lower than 1° all light is diffuse', () => {
  const light = { ghiWm2: 15, extraterrestrialWm2: 1361 };
  expect(splitGhi({ ...light, sunUp: Math.sin((0.9 * Math.PI) / 180) })).toEqual({ dniWm2: 0, dhiWm2: 15 });
  expect(splitGhi({ ...light, sunUp: Math.sin((1.1 * Math.PI) / 180) }).dniWm2).toBeGreaterThan(0);
});

test('beam and diffuse add up to the global light and the beam never exceeds the extraterrestrial', () => {
  const wm2 = number(0, 1500);
  fc.assert(
    fc.property(wm2, number(-1, 1), (ghiWm2, sunUp) => {
      const { dniWm2, dhiWm2 } = splitGhi({ ghiWm2, extraterrestrialWm2: 1361, sunUp });
      expect(dniWm2 * sunUp + dhiWm2).toBeCloseTo(ghiWm2, 9);
      expect(dniWm2).toBeGreaterThanOrEqual(0);
      expect(dniWm2).toBeLessThanOrEqual(1361);
      expect(dhiWm2).toBeGreaterThanOrEqual(0);
    }),
  );
});

test('in every hour of any climate light is finite, not negative and never brighter than in space', () => {
  fc.assert(
    fc.property(climates(), (climate) => {
      for (const hour of skyYear(climate).flat()) {
        const { directionalWm2, isotropicWm2, groundWm2, ghiWm2 } = hour;
        const lights = [directionalWm2, isotropicWm2, groundWm2, ghiWm2];
        if (lights.every((wm2) => Number.isFinite(wm2) && wm2 >= -1e-9) && directionalWm2 < 1410) continue;
        expect.fail(JSON.stringify(hour));
      }
    }),
    { numRuns: 20 },
  );
});
