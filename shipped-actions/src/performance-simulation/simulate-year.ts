import { setImmediate } from 'node:timers/promises';
import type { PerformanceInput } from './input.ts';
import { type Inverter, invert } from './inverter.ts';
import { type Plane, planesOf, powerOfHour } from './planes.ts';
import type { MonthResult, PerformanceResult } from './result.ts';
import { type SkyHour, skyYear } from './sun/sky-year.ts';

export interface SimulationHooks {
  /** Called once after each month, in order. */
  onMonth?: (month: MonthResult) => void;
  signal?: AbortSignal;
}

interface Energy {
  acKwh: number;
  dcKwh: number;
  poaKwhM2: number;
  ghiKwhM2: number;
  clippedKwh: number;
}

/**
 * Computes the hourly yield of a design over one year and sums it up; the same input gives the same result on
 * every machine and in every time zone. It yields to the event loop after each month, so an abort is seen
 * within a month's work; it then rejects with the signal's reason.
 */
export async function simulateYear(
  input: PerformanceInput,
  { onMonth, signal }: SimulationHooks = {},
): Promise<PerformanceResult> {
  signal?.throwIfAborted();
  const planes = planesOf(input.arrays);
  const inverter = { acKw: input.inverter.ac_kw, efficiency: input.inverter.efficiency_pct / 100 };
  const sky = skyYear(input);
  const months: Energy[] = [];
  for (const hours of sky) {
    const energy = monthEnergy(hours, planes, inverter);
    months.push(energy);
    onMonth?.(monthResult(months.length, energy));
    await setImmediate();
    signal?.throwIfAborted();
  }
  const dcKw = planes.reduce((sum, plane) => sum + plane.ratedKw, 0);
  return {
    year: input.year,
    hours: sky.reduce((sum, hours) => sum + hours.length, 0),
    dc_kw: round(dcKw, 3),
    annual: annualResult(months.reduce(addEnergy), dcKw),
    monthly: months.map((energy, index) => monthResult(index + 1, energy)),
  };
}

function monthEnergy(hours: readonly SkyHour[], planes: readonly Plane[], inverter: Inverter): Energy {
  const energy: Energy = { acKwh: 0, dcKwh: 0, poaKwhM2: 0, ghiKwhM2: 0, clippedKwh: 0 };
  for (const hour of hours) {
    const { dcKw, poaWm2 } = powerOfHour(planes, hour);
    const { acKw, clippedKw } = invert(dcKw, inverter);
    energy.dcKwh += dcKw;
    energy.acKwh += acKw;
    energy.clippedKwh += clippedKw;
    energy.poaKwhM2 += poaWm2 / 1000;
    energy.ghiKwhM2 += hour.ghiWm2 / 1000;
  }
  return energy;
}

function addEnergy(left: Energy, right: Energy): Energy {
  return {
    acKwh: left.acKwh + right.acKwh,
    dcKwh: left.dcKwh + right.dcKwh,
    poaKwhM2: left.poaKwhM2 + right.poaKwhM2,
    ghiKwhM2: left.ghiKwhM2 + right.ghiKwhM2,
    clippedKwh: left.clippedKwh + right.clippedKwh,
  };
}

function monthResult(month: number, energy: Energy): MonthResult {
  return {
    month,
    ac_kwh: round(energy.acKwh, 3),
    dc_kwh: round(energy.dcKwh, 3),
    poa_kwh_m2: round(energy.poaKwhM2, 3),
    ghi_kwh_m2: round(energy.ghiKwhM2, 3),
  };
}

function annualResult(energy: Energy, dcKw: number): PerformanceResult['annual'] {
  const specificYield = energy.acKwh / dcKw;
  return {
    ac_kwh: round(energy.acKwh, 3),
    dc_kwh: round(energy.dcKwh, 3),
    specific_yield_kwh_kw: round(specificYield, 3),
    performance_ratio: energy.poaKwhM2 > 0 ? round(specificYield / energy.poaKwhM2, 4) : 0,
    poa_kwh_m2: round(energy.poaKwhM2, 3),
    clipping_loss_kwh: round(energy.clippedKwh, 3),
  };
}

function round(value: number, decimals: number): number {
  const factor = 10 ** decimals;
  return Math.round(value * factor) / factor;
}
