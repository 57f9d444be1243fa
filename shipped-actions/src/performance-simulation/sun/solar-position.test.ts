import fc from 'fast-check';
import { expect, test } from 'vitest';
import { number } from '../../../test/arbitrary-design.ts';
import { sunPosition } from './solar-position.ts';

test('is within 0.1° of the NREL SPA report: 2003-10-17 12:30:30 UTC-7, zenith 50.1116°, azimuth 194.3402°', () => {
  const observer = { latitude: 39.742476, longitude: -105.1786, pressureHpa: 820, temperatureC: 11 };
  const sun = sunPosition(Date.UTC(2003, 9, 17, 19, 30, 30), observer);
  expect(Math.abs(sun.apparentZenithDeg - 50.1116)).toBeLessThan(0.1);
  expect(Math.abs(sun.azimuthDeg - 194.3402)).toBeLessThan(0.1);
  expect(sun.distanceAu).toBeCloseTo(0.9965, 3);
});

test('lifts a sun on the horizon by about half a degree and leaves one overhead alone', () => {
  const airless = (utcMs: number, place: { latitude: number; longitude: number }) =>
    sunPosition(utcMs, { ...place, pressureHpa: 0 }).apparentZenithDeg -
    sunPosition(utcMs, place).apparentZenithDeg;
  const equinoxNoonUtcMs = Date.UTC(2025, 2, 20, 12, 7);
  expect(airless(equinoxNoonUtcMs, { latitude: 0, longitude: 0 })).toBeLessThan(0.02);
  expect(airless(equinoxNoonUtcMs, { latitude: 90, longitude: 0 })).toBeGreaterThan(0.4);
  expect(airless(equinoxNoonUtcMs, { latitude: 90, longitude: 0 })).toBeLessThan(0.65);
});

test('stands overhead at the tropic of Cancer at noon of the June solstice', () => {
  const sun = sunPosition(Date.UTC(2025, 5, 21, 12, 2), { latitude: 23.436, longitude: 0 });
  expect(sun.apparentZenithDeg).toBeLessThan(0.15);
});

test('moves from east over the equator-facing side to west', () => {
  const azimuthAt = (hour: number, latitude: number) =>
    sunPosition(Date.UTC(2025, 2, 20, hour), { latitude, longitude: 0 }).azimuthDeg;
  expect(azimuthAt(8, 45)).toBeLessThan(180);
  expect(azimuthAt(16, 45)).toBeGreaterThan(180);
  expect(Math.cos((azimuthAt(12, 45) * Math.PI) / 180)).toBeLessThan(-0.99);
  expect(Math.cos((azimuthAt(12, -45) * Math.PI) / 180)).toBeGreaterThan(0.99);
});

test('gives finite angles and a plausible distance at every place and instant from 1950 to 2050', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: Date.UTC(1950, 0, 1), max: Date.UTC(2051, 0, 1) }),
      number(-90, 90),
      number(-180, 180),
      (utcMs, latitude, longitude) => {
        const sun = sunPosition(utcMs, { latitude, longitude });
        expect(sun.apparentZenithDeg).toBeGreaterThanOrEqual(-0.02);
        expect(sun.apparentZenithDeg).toBeLessThanOrEqual(180);
        expect(sun.azimuthDeg).toBeGreaterThanOrEqual(0);
        expect(sun.azimuthDeg).toBeLessThan(360);
        expect(Math.abs(sun.distanceAu - 1)).toBeLessThan(0.018);
      },
    ),
  );
});
