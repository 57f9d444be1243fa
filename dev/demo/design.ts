const ARRAY_COUNT = 500;

/** A large roof near Denver: its arrays all face elsewhere, so that the simulation has something to do. */
export function demoDesign() {
  const arrays = Array.from({ length: ARRAY_COUNT }, (_, index) => ({
    dc_kw: 4,
    tilt_deg: 5 + (index % 25) * 2,
    azimuth_deg: 80 + Math.floor(index / 25) * 10,
  }));
  return {
    location: { latitude: 39.74, longitude: -105.18, elevation_m: 1830, utc_offset_h: -7 },
    arrays,
    inverter: { ac_kw: ARRAY_COUNT * 3.6 },
  };
}

/** The same with three wrong inputs: `/location/latitude`, `/arrays/0/tilt_deg` and `/inverter/ac_kw`. */
export function wrongDesign() {
  return {
    location: { latitude: 123, longitude: -105.18, utc_offset_h: -7 },
    arrays: [{ dc_kw: 4, tilt_deg: -5, azimuth_deg: 180 }],
    inverter: { ac_kw: 'plenty' },
  };
}
