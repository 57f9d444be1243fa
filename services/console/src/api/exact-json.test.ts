import { expect, test } from 'vitest';
import { exactNumber, isExactNumber, parseExact } from './exact-json.ts';

test.each([
  '{"id":1970670598291982290}',
  '[24350.10,1e400,-0,1.0,0.1,12,-3.5e-7]',
  '"1970670598291982290"',
  '{"a":[null,true,{"b":9007199254740993}]}',
])('%s comes out as it went in', (text) => {
  expect(JSON.stringify(parseExact(text))).toBe(text);
});

test('what JavaScript can hold stays a number', () => {
  expect(parseExact('{"version":179600277700019}')).toEqual({ version: 179600277700019 });
});

test('a number that is typed is exact, and other text is none', () => {
  expect(exactNumber('12')).toBe(12);
  expect(isExactNumber(exactNumber('1970670598291982290'))).toBe(true);
  for (const text of ['', 'x', '1.', '.5', '01', '0x1', '1 ', 'NaN', '--1'])
    expect(exactNumber(text)).toBeUndefined();
});
