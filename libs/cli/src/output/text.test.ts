import fc from 'fast-check';
import { expect, test } from 'vitest';
import { briefly, facts, jsonLine, plain, plainLines, table } from './text.ts';

test('columns are as wide as their widest cell, and no line ends in spaces', () => {
  expect(
    table(
      ['A', 'LONG', 'C'],
      [
        ['abc', 1, ''],
        ['a', null, 'x'],
      ],
    ),
  ).toBe('A    LONG  C\nabc  1\na          x');
});

test('facts leave out what has nothing to say', () => {
  expect(facts({ a: 1, longer: 'b', none: null, empty: '', not: false })).toBe(
    'a       1\nlonger  b\nnot     false',
  );
});

test('nothing from a server can steer a terminal', () => {
  expect(plain('a\u001b[2Jb\nc\u202ed')).toBe('a [2Jb c d');
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 0x2fff })), (codes) => {
      const isSteering = [...plain(String.fromCodePoint(...codes))].some((char) => {
        const code = char.codePointAt(0) ?? 0;
        return code < 0x20 || (code >= 0x7f && code < 0xa0);
      });
      expect(isSteering).toBe(false);
    }),
  );
});

test('lines stay lines, and JSON stays what it says', () => {
  expect(plainLines('a\u001bb\nc\rd')).toBe('a b\nc d');
  const value = { 'a\u009b': '\u202e\u007f"', é: '漢' };
  expect(jsonLine(value)).toBe('{"a\\u009b":"\\u202e\\u007f\\"","é":"漢"}');
  expect(JSON.parse(jsonLine(value))).toEqual(value);
});

test('long JSON is cut and says so', () => {
  expect(briefly({ a: 'bcd' }, 6)).toBe('{"a":…');
  expect(briefly({ a: 1 }, 7)).toBe('{"a":1}');
});
