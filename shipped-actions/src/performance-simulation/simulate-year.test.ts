import fc from 'fast-check';
import { expect, test } from 'vitest';
import { designs, number } from '../../test/arbitrary-design.ts';
import { type PerformanceInput, performanceInput } from './input.ts';
import { invert } from './inverter.ts';
import { planesOf, powerOfHour } from './planes.ts';
import { performanceResult } from './result.ts';
import { simulateYear } from './simulate-year.ts';
import { skyYear } from './sun/sky-year.ts';

const denver = performanceInput.parse({
  location: { latitude: 39.74, longitude: -105.18, elevation_m: 1830, utc_offset_h: -7 },
  arrays: [{ dc_kw: 4, tilt_deg: 20, azimuth_deg: 180 }],
  inverter: { ac_kw: 3.8 },
  monthly_ghi_kwh_m2: [74, 92, 136, 168, 192, 207, 208, 186, 150, 118, 78, 65],
  monthly_mean_temperature_c: [-1, 1, 4, 9, 14, 19, 23, 22, 17, 11, 4, -1],
});
const annualAcKwh = async (input: PerformanceInput) => (await simulateYear(input)).annual.ac_kwh;
const facing = (azimuth_deg: number, tilt_deg = 30) =>
  denver.arrays.map((array) => ({ ...array, azimuth_deg, tilt_deg }));
const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);
/** Without given months, so that light and temperature mirror across the equator too. */
const onSolarClock = (latitude: number): PerformanceInput => ({
  ...performanceInput.parse({
    ...denver,
    monthly_ghi_kwh_m2: undefined,
    monthly_mean_temperature_c: undefined,
  }),
  location: { latitude, longitude: 30, elevation_m: 0, utc_offset_h: 2 },
});

test('a south roof near Denver yields 1300 to 1900 kWh/kW at a performance ratio of 0.70 to 0.90', async () => {
  const result = await simulateYear(denver);
  expect(result.annual.specific_yield_kwh_kw).toBeGreaterThan(1300);
  expect(result.annual.specific_yield_kwh_kw).toBeLessThan(1900);
  expect(result.annual.performance_ratio).toBeGreaterThan(0.7);
  expect(result.annual.performance_ratio).toBeLessThan(0.9);
  const { specific_yield_kwh_kw, poa_kwh_m2, performance_ratio } = result.annual;
  expect(Math.abs(specific_yield_kwh_kw / poa_kwh_m2 - performance_ratio)).toBeLessThan(0.0001);
  expect(result).toMatchObject({ year: 2025, hours: 8760, dc_kw: 4 });
  expect(result.monthly.map(({ ghi_kwh_m2 }) => ghi_kwh_m2)).toEqual(denver.monthly_ghi_kwh_m2);
});

test('in each hour of any design 0 ≤ ac ≤ min(dc, limit), and the months add up to the year', async () => {
  const run = async (input: PerformanceInput) => {
    const planes = planesOf(input.arrays);
    const inverter = { acKw: input.inverter.ac_kw, efficiency: input.inverter.efficiency_pct / 100 };
    const hours = skyYear(input).flat();
    const powers = hours.map((hour) => powerOfHour(planes, hour));
    const outputs = powers.map(({ dcKw }) => invert(dcKw, inverter));
    for (const [hour, { acKw, clippedKw }] of outputs.entries()) {
      const dcKw = powers[hour]?.dcKw ?? Number.NaN;
      if (acKw >= 0 && acKw <= Math.min(dcKw, inverter.acKw) && clippedKw >= 0) continue;
      expect.fail(`hour ${hour}: dc ${dcKw}, ac ${acKw}, clipped ${clippedKw}`);
    }
    const { annual, monthly } = performanceResult.parse(await simulateYear(input));
    expect(Math.abs(annual.ac_kwh - sum(outputs.map(({ acKw }) => acKw)))).toBeLessThan(0.001);
    for (const key of ['ac_kwh', 'dc_kwh', 'poa_kwh_m2'] as const) {
      expect(Math.abs(annual[key] - sum(monthly.map((month) => month[key])))).toBeLessThan(0.0071);
    }
  };
  await fc.assert(fc.asyncProperty(designs(), run), { numRuns: 25 });
});

test('east and west on solar time differ by less than 2 %, the warmer afternoon losing', async () => {
  const place = onSolarClock(40);
  const east = await annualAcKwh({ ...place, arrays: facing(90) });
  const west = await annualAcKwh({ ...place, arrays: facing(270) });
  expect(west).toBeLessThan(east);
  expect(Math.abs(east - west) / east).toBeLessThan(0.02);
});

test('facing the equator wins in both hemispheres, and mirrored sites agree within 3 %', async () => {
  const north = onSolarClock(40);
  const south = onSolarClock(-40);
  const [northSouth, northNorth, southNorth, southSouth] = await Promise.all([
    annualAcKwh({ ...north, arrays: facing(180) }),
    annualAcKwh({ ...north, arrays: facing(0) }),
    annualAcKwh({ ...south, arrays: facing(0) }),
    annualAcKwh({ ...south, arrays: facing(180) }),
  ]);
  expect(northSouth).toBeGreaterThan(northNorth * 1.2);
  expect(southNorth).toBeGreaterThan(southSouth * 1.2);
  expect(Math.abs(northSouth - southNorth) / northSouth).toBeLessThan(0.03);
});

test('more losses never mean more energy', async () => {
  const percent = number(0, 99);
  const run = async (one: number, other: number) => {
    const withLosses = (losses_pct: number) =>
      annualAcKwh({ ...denver, arrays: denver.arrays.map((array) => ({ ...array, losses_pct })) });
    const [fewer, more] = await Promise.all([
      withLosses(Math.min(one, other)),
      withLosses(Math.max(one, other)),
    ]);
    expect(more).toBeLessThanOrEqual(fewer);
  };
  await fc.assert(fc.asyncProperty(percent, percent, run), { numRuns: 15 });
});

test('doubling all arrays and the inverter doubles the energy and keeps the ratios', async () => {
  const run = async (input: PerformanceInput) => {
    const once = await simulateYear(input);
    const twice = await simulateYear({
      ...input,
      arrays: [...input.arrays, ...input.arrays],
      inverter: { ...input.inverter, ac_kw: input.inverter.ac_kw * 2 },
    });
    for (const key of ['ac_kwh', 'dc_kwh', 'clipping_loss_kwh'] as const) {
      const tolerance = 0.0016 + once.annual[key] * 1e-9;
      expect(Math.abs(twice.annual[key] - 2 * once.annual[key])).toBeLessThan(tolerance);
    }
    expect(Math.abs(twice.annual.poa_kwh_m2 - once.annual.poa_kwh_m2)).toBeLessThan(0.0011);
    expect(Math.abs(twice.annual.performance_ratio - once.annual.performance_ratio)).toBeLessThan(0.00011);
  };
  await fc.assert(fc.asyncProperty(designs(), run), { numRuns: 15 });
});

test('the in-plane irradiation of a flat array is the global horizontal irradiation', async () => {
  const run = async (input: PerformanceInput) => {
    const arrays = input.arrays.map((array) => ({ ...array, tilt_deg: 0 }));
    for (const month of (await simulateYear({ ...input, arrays })).monthly) {
      expect(Math.abs(month.poa_kwh_m2 - month.ghi_kwh_m2)).toBeLessThan(0.0011);
    }
  };
  await fc.assert(fc.asyncProperty(designs(), run), { numRuns: 15 });
});

test('a smaller inverter turns energy into clipping loss', async () => {
  const { annual } = await simulateYear({ ...denver, inverter: { ac_kw: 2, efficiency_pct: 96 } });
  const roomy = await simulateYear(denver);
  expect(annual.clipping_loss_kwh).toBeGreaterThan(100);
  expect(annual.ac_kwh).toBeLessThan(roomy.annual.ac_kwh);
});

test('a year without light yields nothing and a performance ratio of 0', async () => {
  const { annual } = await simulateYear({ ...denver, monthly_ghi_kwh_m2: new Array(12).fill(0) });
  expect(Object.values(annual)).toEqual([0, 0, 0, 0, 0, 0]);
});

test('polar night gives months of zero and finite numbers all year', async () => {
  const pole = { latitude: 90, longitude: 0, elevation_m: 2800, utc_offset_h: 0 };
  const { annual, monthly } = await simulateYear({ ...onSolarClock(90), location: pole, year: 2024 });
  expect(monthly[0]).toEqual({ month: 1, ac_kwh: 0, dc_kwh: 0, poa_kwh_m2: 0, ghi_kwh_m2: 0 });
  expect(monthly[5]?.ac_kwh).toBeGreaterThan(0);
  expect(Object.values(annual).every(Number.isFinite)).toBe(true);
});

test('a leap year is counted with 8784 hours', async () => {
  expect((await simulateYear({ ...denver, year: 2024 })).hours).toBe(8784);
});

test('each month is reported once, in order, as it stands in the result', async () => {
  const reported: unknown[] = [];
  const { monthly } = await simulateYear(denver, { onMonth: (month) => reported.push(month) });
  expect(reported).toEqual(monthly);
});

test('an abort during a month stops the year after that month, with the reason of the signal', async () => {
  const aborting = new AbortController();
  const reason = new Error('canceled');
  const months: number[] = [];
  const onMonth = ({ month }: { month: number }) => {
    months.push(month);
    if (month === 3) setImmediate(() => aborting.abort(reason));
  };
  await expect(simulateYear(denver, { onMonth, signal: aborting.signal })).rejects.toBe(reason);
  expect(months).toEqual([1, 2, 3]);
});
