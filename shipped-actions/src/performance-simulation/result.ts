import { z } from 'zod';

const energy = z.number().min(0);

const month = z.strictObject({
  month: z.int().min(1).max(12),
  ac_kwh: energy,
  dc_kwh: energy,
  poa_kwh_m2: energy,
  ghi_kwh_m2: energy,
});

/** What a year of a design yields; each number is rounded by itself to 3 decimals, ratios to 4. */
export const performanceResult = z.strictObject({
  year: z.int(),
  hours: z.int().meta({ description: '8760, or 8784 in a leap year.' }),
  dc_kw: z.number().positive().meta({ description: 'Rated DC power of all arrays.' }),
  annual: z.strictObject({
    ac_kwh: energy.meta({ description: 'Energy delivered by the inverter.' }),
    dc_kwh: energy.meta({ description: 'Energy delivered by the arrays after their losses.' }),
    specific_yield_kwh_kw: energy.meta({ description: 'AC energy per kW of rated DC power.' }),
    performance_ratio: energy.meta({
      description:
        'Specific yield over in-plane irradiation (IEC 61724-1): 1 without any loss at 25 °C, 0 without light.',
    }),
    poa_kwh_m2: energy.meta({ description: 'In-plane irradiation, arrays weighted by rated power.' }),
    clipping_loss_kwh: energy.meta({ description: 'AC energy lost to the limit of the inverter.' }),
  }),
  monthly: z.array(month).length(12),
});

export type PerformanceResult = z.output<typeof performanceResult>;
export type MonthResult = z.output<typeof month>;
