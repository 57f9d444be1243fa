import { ambientTemperatureC, defaultMonthlyMeansC } from '../ambient-temperature.ts';
import type { PerformanceInput } from '../input.ts';
import { monthScale } from '../monthly-ghi.ts';
import { type HourLight, hayDaviesLight } from '../plane-irradiance.ts';
import { clearSkyGhiWm2 } from './clear-sky.ts';
import { splitGhi } from './diffuse-split.ts';
import { sunYear } from './sun-year.ts';

export interface SkyHour extends HourLight {
  ghiWm2: number;
  ambientC: number;
}

export type Climate = Pick<
  PerformanceInput,
  'location' | 'year' | 'monthly_ghi_kwh_m2' | 'monthly_mean_temperature_c'
>;

/**
 * Computes everything about each hour that no array changes: sun, light and air temperature, grouped by
 * month. The light of a month sums to the given irradiation; every hour of it is equally cloudy, so clear and
 * dull days are averaged away.
 */
export function skyYear(climate: Climate): SkyHour[][] {
  const { location, year, monthly_ghi_kwh_m2: ghi } = climate;
  const meansC =
    climate.monthly_mean_temperature_c ?? defaultMonthlyMeansC(location.latitude, location.elevation_m);
  return sunYear(location, year).map((suns, month) => {
    const clearWm2 = suns.map((sun) => clearSkyGhiWm2(sun, location.elevation_m));
    const scale = monthScale(clearWm2, ghi?.[month]);
    return suns.map((sun, hour) => {
      const ghiWm2 = (clearWm2[hour] ?? 0) * scale;
      const { extraterrestrialWm2, up, solarHour } = sun;
      const light = hayDaviesLight(sun, splitGhi({ ghiWm2, extraterrestrialWm2, sunUp: up }));
      return { ...light, ghiWm2, ambientC: ambientTemperatureC(meansC[month] ?? 0, solarHour) };
    });
  });
}
