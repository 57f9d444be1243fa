import fc from 'fast-check';
import { expect, test } from 'vitest';
import { exactJsonOf, flawsOfJson, MAX_JSON_DEPTH, MAX_JSON_FLAWS } from './exact-json.ts';

const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);
const flawed = (text: string) =>
  flawsOfJson(text, JSON.parse(text)).map(({ pointer, code }) => `${pointer} ${code}`);

test.each([
  '1',
  '-0',
  '-0.0e5',
  '9007199254740991',
  '-9007199254740991',
  '100000000000000000000',
  '1e21',
  '1.5e300',
  '0.1',
  '0.10000000000000001',
  '3.1415926535897931',
  '2.2250738585072014e-308',
  '5e-324',
  '4.9E-324',
  '123456789012345680000',
  '"\\ud83d\\ude00 \\u0000 \\" \\\\"',
  '{"a":"[[[[","b\\"":"1e999 12345678901234567890"}',
  '"__proto__"',
  '"00f1e400-1234567890123456-7890"',
  nested(MAX_JSON_DEPTH),
  `{"a":"${']'.repeat(500)}","b":${nested(MAX_JSON_DEPTH - 1)}}`,
  '{"a":{"a":[{"a":":"},{"a":null}]},"b:c":{"a":{}}}',
])('%s is taken', (text) => {
  expect(flawsOfJson(text, JSON.parse(text))).toEqual([]);
});

test.each([
  ['1970670598291982290', '# inexact_number'],
  ['[1,{"id":9007199254740993}]', '#/1/id inexact_number'],
  ['{"a":[true,-12345678901234567890.5]}', '#/a/1 inexact_number'],
  ['1152921504606846976', '# inexact_number'],
  ['12345678901234567.0', '# inexact_number'],
  ['1e400', '# inexact_number'],
  ['[-1E+999]', '#/0 inexact_number'],
  ['1e-400', '# inexact_number'],
  ['0.1234567890123456789', '# inexact_number'],
  ['"\\ud800"', '# not_well_formed'],
  ['{"\\udfff x":1}', '#/%EF%BF%BD%20x not_well_formed'],
  ['{"a/b":{"c":"x\\uD83D"}}', '#/a~1b/c not_well_formed'],
  ['{"a":{"__proto__":1}}', '#/a/__proto__ reserved_name'],
  ['{"\\u005f_proto__":1}', '#/__proto__ reserved_name'],
  ['{"a":1,"b":{"a":2},"a":3}', '#/a repeated_name'],
  ['[{"a":{}},{"a":{"":":","x":[]},"\\u0061":1}]', '#/1/a repeated_name'],
  [nested(MAX_JSON_DEPTH + 1), `#${'/0'.repeat(MAX_JSON_DEPTH)} nested_too_deeply`],
  [`["]]]]]]]]",${nested(MAX_JSON_DEPTH)}]`, `#/1${'/0'.repeat(MAX_JSON_DEPTH - 1)} nested_too_deeply`],
])('%s is refused', (text, wanted) => {
  expect(flawed(text)).toEqual([wanted]);
});

test('what JSON.stringify writes has no name twice, however objects are nested', () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      expect(flawed(text).filter((each) => each.endsWith('repeated_name'))).toEqual([]);
    }),
  );
});

test('every flaw is named, up to a limit', () => {
  expect(flawed('{"a":1e400,"b":["\\ud800",1e400],"c":1}')).toEqual([
    '#/a inexact_number',
    '#/b/0 not_well_formed',
    '#/b/1 inexact_number',
  ]);
  expect(flawsOfJson(`[${'1e400,'.repeat(1_000)}0]`)).toHaveLength(MAX_JSON_FLAWS);
});

test('nesting without end is reported, whatever holds it', () => {
  const value: unknown[] = [];
  let inmost = value;
  for (let depth = 0; depth < 100_000; depth++) {
    const next: unknown[] = [];
    inmost.push(next);
    inmost = next;
  }
  expect(exactJsonOf(value).flaws.map(({ code }) => code)).toEqual(['nested_too_deeply']);
  expect(flawed(nested(1_000_000))).toHaveLength(1);
});

test('numbers that JSON would write as null are reported', () => {
  const { flaws } = exactJsonOf({ a: [1, Number.NaN, null], b: Number.POSITIVE_INFINITY });
  expect(flaws.map(({ pointer }) => pointer)).toEqual(['#/a/1', '#/b']);
  expect(exactJsonOf({ a: null, b: undefined })).toEqual({ json: '{"a":null}', flaws: [] });
  expect(exactJsonOf(undefined)).toEqual({ json: undefined, flaws: [] });
});

const isKept = (value: unknown): boolean => {
  if (typeof value === 'string') return value.isWellFormed();
  if (typeof value !== 'object' || value === null) return true;
  return Object.entries(value).every(([key, each]) => key !== '__proto__' && isKept(key) && isKept(each));
};

test('a value is accepted if and only if it comes back unchanged', () => {
  fc.assert(
    fc.property(fc.json({ stringUnit: 'binary' }), (text) => {
      expect(flawsOfJson(text).length === 0).toBe(isKept(JSON.parse(text)));
    }),
    { numRuns: 2_000 },
  );
});

test('whole numbers are accepted if and only if they are written as they were read', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: -(2n ** 80n), max: 2n ** 80n }), fc.nat(24), (whole, zeros) => {
      const text = `${whole}${'0'.repeat(zeros)}`;
      const written = BigInt(
        Number(text).toLocaleString('fullwide', { useGrouping: false, maximumSignificantDigits: 21 }),
      );
      expect(flawsOfJson(text).length === 0).toBe(written === BigInt(text));
    }),
    { numRuns: 2_000 },
  );
});
