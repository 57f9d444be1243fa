import fc from 'fast-check';
import { expect, test } from 'vitest';
import { cellsOf, fitCells, padCells } from './cells.ts';

test.each([
  ['abc', 3],
  ['漢字', 4],
  ['한', 2],
  ['ｆ', 2],
  ['🚀', 2],
  ['❤️', 2],
  ['e\u0301', 1],
  ['█░', 2],
])('%s is %i cells wide', (text, cells) => {
  expect(cellsOf(text)).toBe(cells);
});

test('what does not fit is left out whole', () => {
  expect(fitCells('a漢b', 2)).toBe('a');
  expect(fitCells('a🚀b', 3)).toBe('a🚀');
  expect(fitCells('abc', -1)).toBe('');
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.integer({ min: 0, max: 20 }), (text, room) => {
      const fitting = fitCells(text, room);
      expect(text.startsWith(fitting) && fitting.isWellFormed()).toBe(true);
      expect(cellsOf(fitting)).toBeLessThanOrEqual(room);
    }),
  );
});

test('columns are measured in cells', () => {
  expect([padCells('漢', 4), padCells('abcd', 4), padCells('abcde', 4)]).toEqual(['漢  ', 'abcd', 'abcde']);
});
