/** Half of a 10 K daily range, ordinary for land; the daily mean does not depend on it. */
const DAILY_AMPLITUDE_K = 5;
const WARMEST_SOLAR_HOUR = 15;

/**
 * Gives the air temperature (°C) at a mean solar hour: a cosine around the month's mean, warmest at 15:00 and
 * 5 K above it. A simplification of this project: no weather, and a step between months.
 */
export function ambientTemperatureC(monthMeanC: number, solarHour: number): number {
  return monthMeanC + DAILY_AMPLITUDE_K * Math.cos(((solarHour - WARMEST_SOLAR_HOUR) * Math.PI) / 12);
}

/**
 * Guesses twelve monthly means (°C) from the place alone, for callers who give none; off by several kelvin in
 * many places, and each kelvin moves the yield by 0.2 to 0.5 %.
 *
 * Annual mean at sea level: 15 - 28 · P2(sin latitude), the two-term fit of G. R. North, "Theory of
 * energy-balance climate models", Journal of the Atmospheric Sciences 32 (1975), 2033-2043, rounded. Height:
 * -6.5 K a kilometre (ICAO standard atmosphere). Season: 0.3 K a degree of latitude, warmest in July in the
 * north and January in the south, a rule of thumb of this project.
 */
export function defaultMonthlyMeansC(latitude: number, elevationM: number): number[] {
  const sine = Math.sin((latitude * Math.PI) / 180);
  const annualMeanC = 15 - 28 * ((3 * sine * sine - 1) / 2) - 0.0065 * elevationM;
  const seasonalAmplitudeK = 0.3 * latitude;
  return Array.from(
    { length: 12 },
    (_, month) => annualMeanC + seasonalAmplitudeK * Math.cos(((month - 6) * Math.PI) / 6),
  );
}
