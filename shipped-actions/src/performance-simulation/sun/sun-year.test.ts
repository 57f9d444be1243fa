import { expect, test } from 'vitest';
import { midHourUtcMs, monthStartHours } from '../calendar.ts';
import { airMass, pressureHpa } from './atmosphere.ts';
import { sunYear } from './sun-year.ts';

const greenwich = { latitude: 51.48, longitude: 0, elevation_m: 0, utc_offset_h: 0 };

test('counts 8760 hours in a common year and 8784 in a leap year, the extra day in February', () => {
  expect(monthStartHours(2025).at(-1)).toBe(8760);
  expect(monthStartHours(2024).at(-1)).toBe(8784);
  expect(monthStartHours(2000)[2]).toBe((31 + 29) * 24);
  expect(monthStartHours(1950)[2]).toBe((31 + 28) * 24);
});

test('samples each hour at its middle, in local standard time', () => {
  expect(new Date(midHourUtcMs(2025, 0, -7)).toISOString()).toBe('2025-01-01T07:30:00.000Z');
  expect(new Date(midHourUtcMs(2025, 8759, 5.75)).toISOString()).toBe('2025-12-31T17:45:00.000Z');
});

test('gives every hour of the year once, grouped by month', () => {
  const year = sunYear(greenwich, 2024);
  expect(year.map((hours) => hours.length / 24)).toEqual([31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]);
});

test('has the sun highest near local noon, wherever the clock of the place stands', () => {
  for (const offset of [-12, -7, 0, 5.75, 14]) {
    const place = { ...greenwich, longitude: offset * 15 > 180 ? offset * 15 - 360 : offset * 15 };
    const day = (sunYear({ ...place, utc_offset_h: offset }, 2025)[5] ?? []).slice(0, 24);
    const highest = day.reduce((best, sun) => (sun.up > best.up ? sun : best));
    expect([11, 12]).toContain(day.indexOf(highest));
    expect(highest.solarHour).toBeCloseTo(day.indexOf(highest) + 0.5, 6);
  }
});

test('counts air mass 1 straight down at the sea, less on a mountain and about 38 at the horizon', () => {
  expect(airMass(0, pressureHpa(0))).toBeCloseTo(1, 2);
  expect(airMass(0, 820)).toBeCloseTo(0.809, 2);
  expect(airMass(60, pressureHpa(0))).toBeCloseTo(1.994, 2);
  expect(airMass(90, pressureHpa(0))).toBeCloseTo(37.9, 0);
  expect(pressureHpa(1830)).toBeGreaterThan(805);
  expect(pressureHpa(1830)).toBeLessThan(820);
});

test('the sun is strongest in January and weakest in July, when the Earth is farthest from it', () => {
  const months = sunYear(greenwich, 2025).map((hours) => hours[72]?.extraterrestrialWm2 ?? Number.NaN);
  expect(months[0]).toBeCloseTo(1361 / 0.98333 ** 2, -1);
  expect(months[6]).toBeCloseTo(1361 / 1.01664 ** 2, -1);
});
