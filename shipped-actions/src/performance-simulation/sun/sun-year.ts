import { midHourUtcMs, monthStartHours } from '../calendar.ts';
import { airMass, pressureHpa } from './atmosphere.ts';
import { sunPosition } from './solar-position.ts';

/** Source: G. Kopp and J. L. Lean, Geophysical Research Letters 38 (2011), L01706: 1360.8 W/m², rounded. */
const SOLAR_CONSTANT_W_M2 = 1361;

export interface Site {
  latitude: number;
  longitude: number;
  elevation_m: number;
  utc_offset_h: number;
}

export interface SunHour {
  /** Unit vector to the apparent sun; `up` is the cosine of its zenith, not positive at night. */
  east: number;
  north: number;
  up: number;
  /** On a plane that faces the sun above the atmosphere. */
  extraterrestrialWm2: number;
  /** Infinity at night. */
  airMass: number;
  /** Mean solar time at the site, in [0, 24). */
  solarHour: number;
}

/** Places the sun for each hour of a year, taken at mid-hour and grouped by month of local standard time. */
export function sunYear(site: Site, year: number): SunHour[][] {
  const starts = monthStartHours(year);
  const pressure = pressureHpa(site.elevation_m);
  return starts.slice(0, 12).map((start, month) => {
    const hours = (starts[month + 1] ?? start) - start;
    return Array.from({ length: hours }, (_, hour) =>
      sunHour(site, midHourUtcMs(year, start + hour, site.utc_offset_h), pressure),
    );
  });
}

function sunHour(site: Site, utcMs: number, pressureOfSiteHpa: number): SunHour {
  const sun = sunPosition(utcMs, { ...site, pressureHpa: pressureOfSiteHpa });
  const zenith = (sun.apparentZenithDeg * Math.PI) / 180;
  const azimuth = (sun.azimuthDeg * Math.PI) / 180;
  const up = Math.cos(zenith);
  const isUp = sun.apparentZenithDeg < 90;
  return {
    east: Math.sin(azimuth) * Math.sin(zenith),
    north: Math.cos(azimuth) * Math.sin(zenith),
    up: isUp ? up : Math.min(0, up),
    extraterrestrialWm2: SOLAR_CONSTANT_W_M2 / sun.distanceAu ** 2,
    airMass: isUp ? airMass(sun.apparentZenithDeg, pressureOfSiteHpa) : Number.POSITIVE_INFINITY,
    solarHour: (((utcMs / 3_600_000 + site.longitude / 15) % 24) + 24) % 24,
  };
}
