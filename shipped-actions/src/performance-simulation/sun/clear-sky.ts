import type { SunHour } from './sun-year.ts';

/**
 * Linke turbidity of a fairly clean sky at mid-latitudes; only the shape of the day depends on it once a
 * month's sum is given.
 */
const LINKE_TURBIDITY = 3;

/**
 * Gives the global horizontal irradiance (W/m²) of a cloudless hour; 0 at night.
 *
 * Source: P. Ineichen and R. Perez, "A new airmass independent formulation for the Linke turbidity
 * coefficient", Solar Energy 73 (2002), 151-157, without the enhancement term for low sun.
 */
export function clearSkyGhiWm2(sun: SunHour, elevationM: number): number {
  if (sun.up <= 0) return 0;
  const gain = 5.09e-5 * elevationM + 0.868;
  const attenuation = 3.92e-5 * elevationM + 0.0387;
  const opticalDepth = Math.exp(-elevationM / 8000) + Math.exp(-elevationM / 1250) * (LINKE_TURBIDITY - 1);
  return gain * sun.extraterrestrialWm2 * sun.up * Math.exp(-attenuation * sun.airMass * opticalDepth);
}
