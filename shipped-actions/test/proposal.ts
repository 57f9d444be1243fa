import type { PerformanceResult } from '../src/performance-simulation/result.ts';

/* Test-only: a simulation's result, and the smallest proposal for it. */

const month = (index: number) => {
  const kwh = 300 + 90 * (6 - Math.abs(6 - index));
  return { month: index + 1, ac_kwh: kwh, dc_kwh: kwh * 1.04, poa_kwh_m2: kwh / 7, ghi_kwh_m2: kwh / 8 };
};

export const SIMULATION: PerformanceResult = {
  year: 2025,
  hours: 8_760,
  dc_kw: 8.4,
  annual: {
    ac_kwh: 9_098,
    dc_kwh: 9_536,
    specific_yield_kwh_kw: 1_083.1,
    performance_ratio: 0.812,
    poa_kwh_m2: 1_333.8,
    clipping_loss_kwh: 0,
  },
  monthly: Array.from({ length: 12 }, (_, index) => month(index)),
};

export const PROPOSAL = {
  simulation: { job_id: '0199a000-0000-7000-8000-000000000000' },
  customer: { name: 'Zoë Müller–Łódź', address_lines: ['Ul. Świętego Jana 12', '31-017 Kraków'] },
  company: { name: 'Sonnenwerk' },
  number: '2026-0117',
  issued_on: '2026-11-23',
  price: { currency: 'EUR', tax_pct: 23, items: [{ description: 'Everything', unit_price: 7_300 }] },
};
