import { expect, test } from 'vitest';
import { z } from 'zod';
import { performanceInput } from './input.ts';
import { performanceResult } from './result.ts';

const location = { latitude: 69.65, longitude: 18.96, utc_offset_h: 1 };
const design = {
  location,
  arrays: [{ dc_kw: 4, tilt_deg: 20, azimuth_deg: 180 }],
  inverter: { ac_kw: 3.8 },
};
const ghiWith = (month: number, kwhM2: number) =>
  Array.from({ length: 12 }, (_, index) => (index === month ? kwhM2 : 0));
const pathsOf = (input: unknown) =>
  performanceInput.safeParse(input).error?.issues.map(({ path }) => path.join('.'));

test('the smallest design is accepted and every default is filled in', () => {
  expect(performanceInput.parse(design)).toEqual({
    location: { ...location, elevation_m: 0 },
    arrays: [{ ...design.arrays[0], losses_pct: 14, module_type: 'standard' }],
    inverter: { ac_kw: 3.8, efficiency_pct: 96 },
    year: 2025,
  });
});

test.each([
  ['an unknown member', { ...design, colour: 'red' }, ''],
  ['no arrays', { ...design, arrays: [] }, 'arrays'],
  ['501 arrays', { ...design, arrays: new Array(501).fill(design.arrays[0]) }, 'arrays'],
  ['eleven months', { ...design, monthly_ghi_kwh_m2: new Array(11).fill(5) }, 'monthly_ghi_kwh_m2'],
  ['a year outside the sun formula', { ...design, year: 2051 }, 'year'],
  ['a latitude beyond the pole', { ...design, location: { ...location, latitude: 91 } }, 'location.latitude'],
])('refuses %s, naming where', (_, input, path) => {
  expect(pathsOf(input)).toEqual([path]);
});

test('refuses more light than enters the air, naming the month', () => {
  expect(pathsOf({ ...design, monthly_ghi_kwh_m2: ghiWith(11, 50) })).toEqual(['monthly_ghi_kwh_m2.11']);
  expect(pathsOf({ ...design, monthly_ghi_kwh_m2: ghiWith(5, 150) })).toBeUndefined();
});

test('becomes a JSON Schema that requires only what has no default', () => {
  const schema = z.toJSONSchema(performanceInput, { io: 'input' });
  expect(schema.required).toEqual(['location', 'arrays', 'inverter']);
  expect(schema.additionalProperties).toBe(false);
  expect(schema.properties?.monthly_ghi_kwh_m2).toMatchObject({ type: 'array', minItems: 12, maxItems: 12 });
  expect(schema.properties?.year).toMatchObject({ default: 2025, minimum: 1950, maximum: 2050 });
  expect(z.toJSONSchema(performanceResult).properties?.monthly).toMatchObject({ minItems: 12 });
});
