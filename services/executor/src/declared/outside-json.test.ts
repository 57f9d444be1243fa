import { expect, test } from 'vitest';
import { fitsFault, parseOutside } from './outside-json.ts';

const nested = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`;

test.each([
  ['null', null],
  ['\ufeff{"a":1}', { a: 1 }],
  [`["${'['.repeat(5_000)}\\"${'{'.repeat(5_000)}"]`, [`${'['.repeat(5_000)}"${'{'.repeat(5_000)}`]],
  [`[${'[],'.repeat(5_000)}1]`, [...Array(5_000).fill([]), 1]],
])('what others write is read', (text, value) => {
  expect(parseOutside(text)).toEqual(value);
});

test('it may be nested a thousand deep', () => {
  expect(() => parseOutside(nested(1_000))).not.toThrow();
  expect(() => parseOutside(nested(1_001))).toThrow(new SyntaxError('JSON is nested more than 1000 deep'));
});

test.each(['', '{', 'hello'])('%j is none', (text) => {
  expect(() => parseOutside(text)).toThrow(SyntaxError);
});

test('what a fault holds is bounded', () => {
  expect(fitsFault({ a: 'x'.repeat(1_000) })).toBe(true);
  expect(fitsFault(['x'.repeat(65_536)])).toBe(false);
});
