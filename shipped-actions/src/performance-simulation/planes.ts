import type { PerformanceInput } from './input.ts';
import { coverTable, lookUpCover } from './module-cover.ts';
import { cellTemperatureC, dcPowerPerKw, MODULES } from './module-power.ts';
import { incidenceCosine, type PlaneGeometry, planeGeometry, scatteredWm2 } from './plane-irradiance.ts';
import type { SkyHour } from './sun/sky-year.ts';

/**
 * All arrays that share orientation and module type: they see the same light and reach the same temperature.
 */
export interface Plane extends PlaneGeometry {
  ratedKw: number;
  /** Rated power after losses. */
  usableKw: number;
  powerPerK: number;
  cover: Float64Array;
}

const COATED_COVER = coverTable(true);
const BARE_COVER = coverTable(false);

/** Groups arrays into planes, so that the hourly work grows with the number of orientations, not of arrays. */
export function planesOf(arrays: PerformanceInput['arrays']): Plane[] {
  const planes = new Map<string, Plane>();
  for (const array of arrays) {
    const key = `${array.tilt_deg} ${array.azimuth_deg} ${array.module_type}`;
    const { powerPerK, coated } = MODULES[array.module_type];
    const plane = planes.get(key) ?? {
      ...planeGeometry(array.tilt_deg, array.azimuth_deg),
      ratedKw: 0,
      usableKw: 0,
      powerPerK,
      cover: coated ? COATED_COVER : BARE_COVER,
    };
    plane.ratedKw += array.dc_kw;
    plane.usableKw += array.dc_kw * (1 - array.losses_pct / 100);
    planes.set(key, plane);
  }
  return [...planes.values()];
}

/** Gives the DC power of all planes in an hour and their light, weighted by rated power; both 0 at night. */
export function powerOfHour(planes: readonly Plane[], hour: SkyHour): { dcKw: number; poaWm2: number } {
  if (hour.ghiWm2 <= 0) return { dcKw: 0, poaWm2: 0 };
  let dcKw = 0;
  let weightedPoa = 0;
  let ratedKw = 0;
  for (const plane of planes) {
    const cosine = incidenceCosine(plane, hour);
    const directWm2 = hour.directionalWm2 * cosine;
    const scattered = scatteredWm2(plane, hour);
    const poaWm2 = directWm2 + scattered;
    const transmittedWm2 = directWm2 * lookUpCover(plane.cover, cosine) + scattered;
    const cellC = cellTemperatureC(hour.ambientC, poaWm2);
    dcKw += plane.usableKw * dcPowerPerKw(transmittedWm2, cellC, plane.powerPerK);
    weightedPoa += plane.ratedKw * poaWm2;
    ratedKw += plane.ratedKw;
  }
  return { dcKw, poaWm2: weightedPoa / ratedKw };
}
