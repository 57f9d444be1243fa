import { PermanentError } from '@errand/actions';
import { MAX_JSON_DEPTH } from '@errand/contracts';
import { expect, test } from 'vitest';
import { parseOutside } from './outside-json.ts';

const nested = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`;

test.each([
  ['null', null],
  ['\ufeff{"a":1}', { a: 1 }],
  [`["${'['.repeat(5_000)}\\"${'{'.repeat(5_000)}"]`, [`${'['.repeat(5_000)}"${'{'.repeat(5_000)}`]],
  [`[${'[],'.repeat(5_000)}1]`, [...Array(5_000).fill([]), 1]],
])('what others write is read', (text, value) => {
  expect(parseOutside(text)).toEqual(value);
});

test('it may be nested as deeply as any value', () => {
  expect(() => parseOutside(nested(MAX_JSON_DEPTH))).not.toThrow();
  for (const depth of [MAX_JSON_DEPTH + 1, 5_000]) {
    expect(() => parseOutside(nested(depth), [])).toThrow(PermanentError);
  }
});

test.each([
  ['{"id":1970670598291982290}', [''], '#/id'],
  ['{"quote":{"price":1e400},"id":1}', ['/id', '/quote'], '#/quote/price'],
  ['[{"a b":"\\ud800"}]', ['/0/a b'], '#/0/a%20b'],
])('%s is refused with the place of what is wrong', (text, wanted, pointer) => {
  expect(() => parseOutside(text, wanted)).toThrow(
    expect.objectContaining({ code: 'invalid_output', details: [expect.objectContaining({ pointer })] }),
  );
});

test('what nobody uses may be as it is', () => {
  const text = '{"id":1970670598291982290,"quote":{"price":7},"quotes":1e400}';
  expect(parseOutside(text, ['/quote'])).toMatchObject({ quote: { price: 7 } });
});

test.each(['', '{', 'hello'])('%j is none', (text) => {
  expect(() => parseOutside(text)).toThrow(SyntaxError);
});
