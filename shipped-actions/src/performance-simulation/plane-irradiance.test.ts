import fc from 'fast-check';
import { expect, test } from 'vitest';
import { hayDaviesLight, incidenceCosine, planeGeometry, scatteredWm2 } from './plane-irradiance.ts';
import { splitGhi } from './sun/diffuse-split.ts';

const sunAt = (elevationDeg: number, azimuthDeg: number) => {
  const [elevation, azimuth] = [(elevationDeg * Math.PI) / 180, (azimuthDeg * Math.PI) / 180];
  return {
    east: Math.cos(elevation) * Math.sin(azimuth),
    north: Math.cos(elevation) * Math.cos(azimuth),
    up: Math.sin(elevation),
    extraterrestrialWm2: 1361,
  };
};
const poaWm2 = (
  plane: ReturnType<typeof planeGeometry>,
  sun: ReturnType<typeof sunAt>,
  split: { dniWm2: number; dhiWm2: number },
) => {
  const light = hayDaviesLight(sun, split);
  return light.directionalWm2 * incidenceCosine(plane, light) + scatteredWm2(plane, light);
};

const angle = (max: number) => fc.double({ min: 0, max, noNaN: true });

test('a horizontal plane receives exactly the global horizontal light', () => {
  fc.assert(
    fc.property(angle(90), angle(360), angle(1300), (elevation, azimuth, ghiWm2) => {
      const sun = sunAt(elevation, azimuth);
      const split = splitGhi({ ghiWm2, extraterrestrialWm2: 1361, sunUp: sun.up });
      expect(poaWm2(planeGeometry(0, azimuth), sun, split)).toBeCloseTo(ghiWm2, 6);
    }),
  );
});

test('no plane receives more than space, sky and ground together can send, however low the sun', () => {
  fc.assert(
    fc.property(angle(90), angle(360), angle(1300), angle(90), (elevation, azimuth, ghiWm2, tilt) => {
      const sun = sunAt(elevation, azimuth);
      const split = splitGhi({ ghiWm2, extraterrestrialWm2: 1361, sunUp: sun.up });
      const poa = poaWm2(planeGeometry(tilt, azimuth), sun, split);
      expect(poa).toBeGreaterThanOrEqual(0);
      expect(poa).toBeLessThan(1361 + 1.2 * ghiWm2 + 1e-6);
    }),
  );
});

test('gives the Hay-Davies sum of beam, circumsolar, sky and ground in a case worked by hand', () => {
  const split = { dniWm2: 680.5, dhiWm2: 100 };
  // A = 0.5; directional 680.5 + 50 / sin 30° = 780.5; cos 0° = 1 on a plane tilted 60° towards the sun.
  const expected = 780.5 + 50 * 0.75 + (680.5 * 0.5 + 100) * 0.2 * 0.25;
  expect(poaWm2(planeGeometry(60, 180), sunAt(30, 180), split)).toBeCloseTo(expected, 9);
});

test('a sun behind the plane adds nothing directly', () => {
  const light = hayDaviesLight(sunAt(20, 0), { dniWm2: 800, dhiWm2: 80 });
  expect(incidenceCosine(planeGeometry(90, 180), light)).toBe(0);
});

test('azimuth 90 faces east and 180 south', () => {
  const east = planeGeometry(90, 90);
  const south = planeGeometry(90, 180);
  expect([east.normalEast, east.normalNorth, south.normalEast, south.normalNorth].map(Math.round)).toEqual([
    1, 0, 0, -1,
  ]);
});
