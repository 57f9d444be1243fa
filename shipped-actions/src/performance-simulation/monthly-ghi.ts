import type { SunHour } from './sun/sun-year.ts';

/**
 * Share of the cloudless light that arrives in an average month when the caller names no sums: the global
 * mean of 185 W/m² under all skies over 247 W/m² under clear ones.
 * Source: M. Wild et al., "The cloud-free global energy balance", Climate Dynamics 52 (2019), 4787-4812.
 */
export const DEFAULT_CLEARNESS = 0.75;

/**
 * Daylight that mid-hour samples miss near the polar night; given sums may exceed the ceiling by this much.
 */
const CEILING_SLACK_KWH_M2 = 2;

/**
 * Finds the factor that turns a month's cloudless hours (W/m²) into hours that sum to `targetKwhM2`; without
 * a target the default clearness. In a month whose sun is never up at mid-hour no factor exists: it is 0 and
 * so is the light.
 */
export function monthScale(clearGhiWm2: readonly number[], targetKwhM2?: number): number {
  if (targetKwhM2 === undefined) return DEFAULT_CLEARNESS;
  const clearKwhM2 = clearGhiWm2.reduce((sum, wm2) => sum + wm2, 0) / 1000;
  return clearKwhM2 > 0 ? targetKwhM2 / clearKwhM2 : 0;
}

/**
 * Gives the most light (kWh/m²) that could reach the ground in a month: what falls on a horizontal plane
 * above the air, plus 2 kWh/m² for daylight that hourly samples miss.
 */
export function monthCeilingKwhM2(suns: readonly SunHour[]): number {
  const aboveAirWh = suns.reduce(
    (sum, { extraterrestrialWm2, up }) => sum + extraterrestrialWm2 * Math.max(0, up),
    0,
  );
  return aboveAirWh / 1000 + CEILING_SLACK_KWH_M2;
}
