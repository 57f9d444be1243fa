import fc from 'fast-check';
import type { PerformanceInput } from '../src/performance-simulation/input.ts';
import { monthCeilingKwhM2 } from '../src/performance-simulation/monthly-ghi.ts';
import type { Climate } from '../src/performance-simulation/sun/sky-year.ts';
import { sunYear } from '../src/performance-simulation/sun/sun-year.ts';

/**
 * Draws numbers evenly over a range, both ends included; `fc.double` is even over exponents instead, so nearly all
 * that it draws is next to 0.
 */
export function number(min: number, max: number): fc.Arbitrary<number> {
  return fc.integer({ min: 0, max: 1_000_000 }).map((step) => min + ((max - min) * step) / 1_000_000);
}

/**
 * Draws any place and year, with or without given months; given irradiation stays under the ceiling of its
 * month.
 */
export function climates(): fc.Arbitrary<Climate> {
  return fc
    .record({
      location: fc.record({
        latitude: number(-90, 90),
        longitude: number(-180, 180),
        elevation_m: number(-450, 6000),
        utc_offset_h: fc.integer({ min: -48, max: 56 }).map((quarters) => quarters / 4),
      }),
      year: fc.integer({ min: 1950, max: 2050 }),
      clearness: fc.option(fc.array(number(0, 1), { minLength: 12, maxLength: 12 })),
      means: fc.option(fc.array(number(-60, 50), { minLength: 12, maxLength: 12 })),
    })
    .map(({ location, year, clearness, means }) => {
      const ceilings = clearness && sunYear(location, year).map(monthCeilingKwhM2);
      return {
        location,
        year,
        ...(clearness && {
          monthly_ghi_kwh_m2: clearness.map((share, month) => share * (ceilings?.[month] ?? 0)),
        }),
        ...(means && { monthly_mean_temperature_c: means }),
      };
    });
}

/** Draws any valid design of up to five arrays. */
export function designs(): fc.Arbitrary<PerformanceInput> {
  const array = fc.record({
    dc_kw: number(0.001, 1000),
    tilt_deg: number(0, 90),
    azimuth_deg: number(0, 360),
    losses_pct: number(0, 99),
    module_type: fc.constantFrom('standard', 'premium', 'thin_film'),
  });
  const inverter = fc.record({ ac_kw: number(0.001, 3000), efficiency_pct: number(50, 100) });
  return fc
    .record({ climate: climates(), arrays: fc.array(array, { minLength: 1, maxLength: 5 }), inverter })
    .map(({ climate, ...design }) => ({ ...climate, ...design }));
}
