export const STANDARD_PRESSURE_HPA = 1013.25;

/** Gives the mean air pressure at a height above the sea. Source: ICAO standard atmosphere, troposphere. */
export function pressureHpa(elevationM: number): number {
  return STANDARD_PRESSURE_HPA * (1 - 2.25577e-5 * elevationM) ** 5.25588;
}

/**
 * Says how much more air the light crosses than it would straight down at sea level; finite down to the
 * horizon, where it is about 38. The zenith must be an apparent one, at most 90.
 *
 * Source: F. Kasten and A. T. Young, "Revised optical air mass tables and approximation formula", Applied
 * Optics 28 (1989), 4735-4738, scaled by pressure.
 */
export function airMass(apparentZenithDeg: number, pressureOfSiteHpa: number): number {
  const relative =
    1 / (Math.cos((apparentZenithDeg * Math.PI) / 180) + 0.50572 * (96.07995 - apparentZenithDeg) ** -1.6364);
  return (relative * pressureOfSiteHpa) / STANDARD_PRESSURE_HPA;
}
