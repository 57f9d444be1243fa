import { expect, test } from 'vitest';
import { coverTransmission } from './module-cover.ts';
import { planesOf, powerOfHour } from './planes.ts';

const wall = { dc_kw: 10, tilt_deg: 90, azimuth_deg: 180, losses_pct: 20, module_type: 'standard' as const };
/** The sun 30° high in the south: it meets the wall at 30° and a flat roof at 60°. */
const hour = {
  sunEast: 0,
  sunNorth: -Math.cos(Math.PI / 6),
  sunUp: 0.5,
  directionalWm2: 800,
  isotropicWm2: 100,
  groundWm2: 100,
  ghiWm2: 500,
  ambientC: 20,
};

test.each([
  ['standard', 0.0047, false],
  ['premium', 0.0035, true],
  ['thin_film', 0.002, false],
] as const)(
  'gives the power of a %s flat roof in an hour worked by hand',
  (module_type, lossPerK, coated) => {
    const roof = { ...wall, tilt_deg: 0, module_type };
    const { dcKw, poaWm2 } = powerOfHour(planesOf([roof]), hour);
    const transmittedWm2 = 400 * coverTransmission(0.5, coated) + 100;
    const cellC = 20 + 500 / 32;
    expect(poaWm2).toBeCloseTo(500, 9);
    expect(dcKw).toBeCloseTo(10 * 0.8 * (transmittedWm2 / 1000) * (1 - lossPerK * (cellC - 25)), 4);
  },
);

test('arrays that share orientation and module type become one plane with their powers added', () => {
  const planes = planesOf([wall, { ...wall, dc_kw: 5, losses_pct: 0 }, { ...wall, module_type: 'premium' }]);
  expect(planes.map(({ ratedKw, usableKw }) => [ratedKw, usableKw])).toEqual([
    [15, 13],
    [10, 8],
  ]);
});

test('in-plane light is weighted by rated power and power is added up', () => {
  const roof = { ...wall, dc_kw: 30, tilt_deg: 0 };
  const alone = [wall, roof].map((array) => powerOfHour(planesOf([array]), hour));
  const both = powerOfHour(planesOf([wall, roof]), hour);
  expect(both.poaWm2).toBeCloseTo(((alone[0]?.poaWm2 ?? 0) + 3 * (alone[1]?.poaWm2 ?? 0)) / 4, 9);
  expect(both.dcKw).toBeCloseTo((alone[0]?.dcKw ?? 0) + (alone[1]?.dcKw ?? 0), 9);
});

test('an hour without light gives nothing', () => {
  expect(powerOfHour(planesOf([wall]), { ...hour, ghiWm2: 0 })).toEqual({ dcKw: 0, poaWm2: 0 });
});
