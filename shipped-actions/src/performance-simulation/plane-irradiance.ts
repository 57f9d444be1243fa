const RAD = Math.PI / 180;

/** Share of the light that ordinary ground sends back; PVWatts' value for ground without snow. */
const GROUND_ALBEDO = 0.2;

/** The light of one hour, prepared so that a plane needs only a few products. */
export interface HourLight {
  sunEast: number;
  sunNorth: number;
  sunUp: number;
  /** Beam plus circumsolar light, on a plane that faces the sun. */
  directionalWm2: number;
  /** Light from the rest of the sky, on a horizontal plane. */
  isotropicWm2: number;
  /** Sent back by the ground. */
  groundWm2: number;
}

export interface PlaneGeometry {
  normalEast: number;
  normalNorth: number;
  normalUp: number;
  skyView: number;
  groundView: number;
}

/**
 * Prepares an hour for the Hay-Davies model: the share A = dni / extraterrestrial of the diffuse light comes
 * from around the sun and is treated as beam, the rest evenly from the whole sky. A horizontal plane always
 * gets exactly dni · up + dhi, and `directionalWm2` never exceeds the extraterrestrial light, however low the
 * sun.
 *
 * Source: J. E. Hay and J. A. Davies, "Calculations of the solar radiation incident on an inclined surface",
 * Proc. First Canadian Solar Radiation Data Workshop (1980), 59-72.
 */
export function hayDaviesLight(
  sun: { east: number; north: number; up: number; extraterrestrialWm2: number },
  { dniWm2, dhiWm2 }: { dniWm2: number; dhiWm2: number },
): HourLight {
  const anisotropy = dniWm2 / sun.extraterrestrialWm2;
  const circumsolarWm2 =
    anisotropy > 0 ? Math.min((dhiWm2 * anisotropy) / sun.up, sun.extraterrestrialWm2 - dniWm2) : 0;
  return {
    sunEast: sun.east,
    sunNorth: sun.north,
    sunUp: sun.up,
    directionalWm2: dniWm2 + circumsolarWm2,
    isotropicWm2: dhiWm2 - circumsolarWm2 * sun.up,
    groundWm2: (dniWm2 * Math.max(0, sun.up) + dhiWm2) * GROUND_ALBEDO,
  };
}

/**
 * Turns tilt (0 = flat, 90 = wall) and azimuth (0 = north, 90 = east) in degrees into a normal and view
 * factors.
 */
export function planeGeometry(tiltDeg: number, azimuthDeg: number): PlaneGeometry {
  const normalUp = Math.cos(tiltDeg * RAD);
  const horizontal = Math.sin(tiltDeg * RAD);
  return {
    normalEast: horizontal * Math.sin(azimuthDeg * RAD),
    normalNorth: horizontal * Math.cos(azimuthDeg * RAD),
    normalUp,
    skyView: (1 + normalUp) / 2,
    groundView: (1 - normalUp) / 2,
  };
}

/** Gives the cosine of the angle between sun and normal, 0 when the sun is behind the plane. */
export function incidenceCosine(plane: PlaneGeometry, light: HourLight): number {
  const cosine =
    plane.normalEast * light.sunEast + plane.normalNorth * light.sunNorth + plane.normalUp * light.sunUp;
  return cosine > 0 ? cosine : 0;
}

/** Gives the light (W/m²) that meets the plane from sky and ground, everything but the directional part. */
export function scatteredWm2(plane: PlaneGeometry, light: HourLight): number {
  return light.isotropicWm2 * plane.skyView + light.groundWm2 * plane.groundView;
}
