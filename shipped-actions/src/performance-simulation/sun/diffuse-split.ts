/**
 * Sine of 1°: with the sun lower than this, its disc lights nothing directly and all light counts as diffuse.
 */
const LOWEST_BEAM_SINE = 0.0174524;

export interface HorizontalLight {
  ghiWm2: number;
  extraterrestrialWm2: number;
  /** Cosine of the apparent zenith. */
  sunUp: number;
}

/**
 * Gives the share of global light that is diffuse, 0.165 to 1, for a clearness index (global over
 * extraterrestrial horizontal irradiance).
 *
 * Source: D. G. Erbs, S. A. Klein and J. A. Duffie, "Estimation of the diffuse radiation fraction for hourly,
 * daily and monthly-average global radiation", Solar Energy 28 (1982), 293-302.
 */
export function diffuseFraction(clearness: number): number {
  if (clearness <= 0.22) return 1 - 0.09 * clearness;
  if (clearness > 0.8) return 0.165;
  return 0.9511 + clearness * (-0.1604 + clearness * (4.388 + clearness * (-16.638 + clearness * 12.336)));
}

/**
 * Splits global light into `dniWm2` and `dhiWm2` so that ghi = dni · sunUp + dhi holds exactly. The beam
 * never exceeds the extraterrestrial one, and is 0 with the sun below 1°, so nothing downstream divides by a
 * vanishing cosine.
 */
export function splitGhi(light: HorizontalLight): { dniWm2: number; dhiWm2: number } {
  const { ghiWm2, extraterrestrialWm2, sunUp } = light;
  if (ghiWm2 <= 0 || sunUp < LOWEST_BEAM_SINE) return { dniWm2: 0, dhiWm2: Math.max(0, ghiWm2) };
  const fraction = diffuseFraction(ghiWm2 / (extraterrestrialWm2 * sunUp));
  const dniWm2 = Math.min(extraterrestrialWm2, (ghiWm2 * (1 - fraction)) / sunUp);
  return { dniWm2, dhiWm2: ghiWm2 - dniWm2 * sunUp };
}
