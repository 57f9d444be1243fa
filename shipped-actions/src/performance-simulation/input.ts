import { z } from 'zod';
import { monthCeilingKwhM2 } from './monthly-ghi.ts';
import { sunYear } from './sun/sun-year.ts';

const location = z
  .strictObject({
    latitude: z
      .number()
      .min(-90)
      .max(90)
      .meta({ description: 'Degrees, north positive.', examples: [39.74] }),
    longitude: z
      .number()
      .min(-180)
      .max(180)
      .meta({ description: 'Degrees, east positive.', examples: [-105.18] }),
    elevation_m: z.number().min(-450).max(6000).default(0).meta({ description: 'Metres above the sea.' }),
    utc_offset_h: z
      .number()
      .min(-12)
      .max(14)
      .multipleOf(0.25)
      .meta({
        description:
          'Local standard time minus UTC, in hours, without summer time. Decides where months begin.',
        examples: [-7],
      }),
  })
  .meta({ description: 'Where the design stands.' });

const array = z.strictObject({
  dc_kw: z
    .number()
    .min(0.001)
    .max(100_000)
    .meta({ description: 'Rated DC power of the modules.', examples: [4] }),
  tilt_deg: z
    .number()
    .min(0)
    .max(90)
    .meta({ description: '0 is flat, 90 a wall.', examples: [20] }),
  azimuth_deg: z
    .number()
    .min(0)
    .max(360)
    .meta({ description: 'Where the array faces: 0 north, 90 east, 180 south, 270 west.', examples: [180] }),
  losses_pct: z.number().min(0).max(99).default(14).meta({
    description:
      'DC losses such as soiling, shading, mismatch and wiring together. 14 is the PVWatts default.',
  }),
  module_type: z.enum(['standard', 'premium', 'thin_film']).default('standard').meta({
    description:
      'Decides the loss per kelvin (0.47, 0.35 or 0.20 %) and the anti-reflective coating (premium).',
  }),
});

const inverter = z
  .strictObject({
    ac_kw: z
      .number()
      .min(0.001)
      .max(10_000_000)
      .meta({ description: 'AC output limit.', examples: [3.8] }),
    efficiency_pct: z.number().min(50).max(100).default(96).meta({ description: 'Efficiency at full load.' }),
  })
  .meta({ description: 'One inverter, or the sum of several, fed by all arrays.' });

/** A design and its climate. If a field is absent, its default or documented climate model is used. */
export const performanceInput = z
  .strictObject({
    location,
    arrays: z.array(array).min(1).max(500),
    inverter,
    monthly_ghi_kwh_m2: z
      .array(z.number().min(0).max(400))
      .length(12)
      .optional()
      .meta({
        description:
          'Global horizontal irradiation of each month, January first. Without it, 75 % of a cloudless year.',
        examples: [[74, 92, 136, 168, 192, 207, 208, 186, 150, 118, 78, 65]],
      }),
    monthly_mean_temperature_c: z
      .array(z.number().min(-60).max(50))
      .length(12)
      .optional()
      .meta({
        description:
          'Mean air temperature of each month. Without it, a coarse guess from latitude and elevation.',
        examples: [[-1, 1, 4, 9, 14, 19, 23, 22, 17, 11, 4, -1]],
      }),
    year: z.int().min(1950).max(2050).default(2025).meta({
      description: 'Calendar year whose sun is used. A leap year has 8784 hours.',
    }),
  })
  .check(({ value, issues }) => {
    // If bounds failed above, the sum has no meaning.
    if (issues.length > 0) return;
    for (const issue of impossibleMonths(value)) issues.push({ code: 'custom', input: value, ...issue });
  })
  .meta({
    examples: [
      {
        location: { latitude: 39.74, longitude: -105.18, elevation_m: 1_829, utc_offset_h: -7 },
        arrays: [{ dc_kw: 4, tilt_deg: 20, azimuth_deg: 180 }],
        inverter: { ac_kw: 3.8 },
      },
    ],
  });

export type PerformanceInput = z.output<typeof performanceInput>;

function impossibleMonths({ location, year, monthly_ghi_kwh_m2: ghi }: PerformanceInput) {
  if (ghi === undefined) return [];
  return sunYear(location, year).flatMap((suns, month) => {
    const ceilingKwhM2 = monthCeilingKwhM2(suns);
    if ((ghi[month] ?? 0) <= ceilingKwhM2) return [];
    const message = `more light than enters the air here in this month (${ceilingKwhM2.toFixed(1)} kWh/m²)`;
    return [{ path: ['monthly_ghi_kwh_m2', month], message }];
  });
}
