import { STANDARD_PRESSURE_HPA } from './atmosphere.ts';

const RAD = Math.PI / 180;
const J2000_UTC_MS = Date.UTC(2000, 0, 1, 12);

export interface SunObserver {
  latitude: number;
  longitude: number;
  pressureHpa?: number;
  temperatureC?: number;
}

export interface SunPosition {
  /** Seen from the ground, so with refraction; above 90 the sun is down. */
  apparentZenithDeg: number;
  /** 0 = north, 90 = east, in [0, 360). */
  azimuthDeg: number;
  /** Distance to the sun in astronomical units. */
  distanceAu: number;
}

/**
 * Places the sun in the sky to better than 0.1° between 1950 and 2050.
 *
 * Source: J. J. Michalsky, "The Astronomical Almanac's algorithm for approximate solar position (1950-2050)",
 * Solar Energy 40 (1988), 227-235. UTC stands in for UT1 and terrestrial time, an error below 0.005°.
 */
export function sunPosition(utcMs: number, observer: SunObserver): SunPosition {
  const days = (utcMs - J2000_UTC_MS) / 86_400_000;
  const meanAnomaly = (357.528 + 0.9856003 * days) * RAD;
  const meanLongitudeDeg = 280.46 + 0.9856474 * days;
  const longitude =
    (meanLongitudeDeg + 1.915 * Math.sin(meanAnomaly) + 0.02 * Math.sin(2 * meanAnomaly)) * RAD;
  const obliquity = (23.439 - 0.0000004 * days) * RAD;
  const rightAscension = Math.atan2(Math.cos(obliquity) * Math.sin(longitude), Math.cos(longitude));
  const sinDeclination = Math.sin(obliquity) * Math.sin(longitude);
  const cosDeclination = Math.sqrt(1 - sinDeclination * sinDeclination);

  const utcHour = (utcMs / 3_600_000) % 24;
  const siderealHour = 6.697375 + 0.0657098242 * days + utcHour;
  const hourAngle = (siderealHour * 15 + observer.longitude) * RAD - rightAscension;

  const sinLatitude = Math.sin(observer.latitude * RAD);
  const cosLatitude = Math.cos(observer.latitude * RAD);
  const up = sinLatitude * sinDeclination + cosLatitude * cosDeclination * Math.cos(hourAngle);
  const east = -cosDeclination * Math.sin(hourAngle);
  const north = cosLatitude * sinDeclination - sinLatitude * cosDeclination * Math.cos(hourAngle);
  const elevationDeg = Math.asin(Math.min(1, Math.max(-1, up))) / RAD;
  return {
    apparentZenithDeg: 90 - elevationDeg - refractionDeg(elevationDeg, observer),
    azimuthDeg: (Math.atan2(east, north) / RAD + 360) % 360,
    distanceAu: 1.00014 - 0.01671 * Math.cos(meanAnomaly) - 0.00014 * Math.cos(2 * meanAnomaly),
  };
}

/**
 * Says how far the air lifts the sun; 0 for a sun more than 0.56° below the horizon, which is never seen.
 *
 * Source: The Astronomical Almanac's formula as printed in Michalsky (1988), proportional to pressure over
 * absolute temperature. Without given values: 1013.25 hPa and 12 °C.
 */
function refractionDeg(elevationDeg: number, observer: SunObserver): number {
  if (elevationDeg <= -0.56) return 0;
  const { pressureHpa = STANDARD_PRESSURE_HPA, temperatureC = 12 } = observer;
  const shape =
    (0.1594 + 0.0196 * elevationDeg + 0.00002 * elevationDeg ** 2) /
    (1 + 0.505 * elevationDeg + 0.0845 * elevationDeg ** 2);
  return (pressureHpa / (temperatureC + 273.15)) * shape;
}
