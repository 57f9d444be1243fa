import { expect, test } from 'vitest';
import { fitsConditions, fitsFault, flawsOfWanted, mapValue, shownOf } from './mapping.ts';

test('what a fault holds is bounded', () => {
  expect(fitsFault({ a: 'x'.repeat(1_000) })).toBe(true);
  expect(fitsFault(['x'.repeat(65_536)])).toBe(false);
  expect(shownOf('/a', { a: 'x'.repeat(65_536) })).toEqual({});
});

test('a mapping leaves out what it does not find', () => {
  expect(mapValue({ a: '/x/0', b: '/y' }, { x: [7] })).toEqual({ a: 7 });
  expect(mapValue('/x/length', { x: [7] })).toBeUndefined();
});

test('all conditions have to be met, each by one of its values', () => {
  const wanted = { '/status': ['failed', 'canceled'], '/final': [true] };
  expect(fitsConditions(wanted, { status: 'canceled', final: true })).toBe(true);
  expect(fitsConditions(wanted, { status: 'failed', final: false })).toBe(false);
});

test('a flaw counts where its value is used', () => {
  const json = '{"id":12345678901234567890,"output":{"a":1}}';
  expect(flawsOfWanted(json, ['/output'])).toEqual([]);
  expect(flawsOfWanted(json, [''])).toMatchObject([{ pointer: '#/id', code: 'inexact_number' }]);
});
