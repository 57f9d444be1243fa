import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compileSchema } from '../compile-schema.ts';

const isTaken = (format: string, text: string) =>
  compileSchema({ properties: { a: { type: 'string', format } } })({ a: text }, 100).length === 0;

test.each<[string, string[], string[]]>([
  [
    'date',
    ['2024-02-29', '2000-02-29'],
    ['2023-02-29', '1900-02-29', '2024-13-01', '2024-00-10', '2024-1-1', ''],
  ],
  ['time', ['10:00:00Z', '23:59:60.5+02:00', '10:00Z'], ['24:00:00Z', '10:00:00', '10']],
  [
    'date-time',
    ['2024-02-29T10:00:00Z', '2024-02-29t10:00:00.123+01:00'],
    ['2024-02-30T10:00:00Z', '2024-02-29T10:00:00', 'tomorrow'],
  ],
  ['duration', ['P1Y2M3DT4H5M6S', 'P2W', 'PT0.5S'], ['P', 'PT', '1D', 'P1S']],
  [
    'email',
    ['a@b.example', '"a b"@c.example', "o'hara+x@b.c.example", 'a@[127.0.0.1]'],
    ['a', '@b', 'a@', 'a b@c.example'],
  ],
  ['idn-email', ['ü@bücher.example'], ['ü']],
  ['hostname', ['a', 'a-b.example.', `${'a'.repeat(63)}.example`], ['', '-a', 'a..b', 'a_b', 'a'.repeat(64)]],
  ['ipv4', ['127.0.0.1'], ['127.0.0.256', '1.2.3', '::1']],
  ['ipv6', ['::1', '2001:db8::1'], ['1.2.3.4', 'fe80::1%eth0', ':::']],
  [
    'uri',
    ['https://a.example/b?c#d', 'urn:uuid:1', 'HTTP://ü.example'],
    ['a', '/b', 'http://', 'http://a b/'],
  ],
  ['uri-reference', ['/b?c', 'a', 'https://a.example'], ['a b', '\\a', 'http://[']],
  ['uuid', ['0190A1B2-0000-7000-8000-000000000000'], ['0190a1b2-0000-7000-8000-00000000000', 'x']],
  ['json-pointer', ['', '/a~1b/c~0d'], ['a', '/a~2']],
])('%s', (format, right, wrong) => {
  expect(right.filter((text) => !isTaken(format, text))).toEqual([]);
  expect(wrong.filter((text) => isTaken(format, text))).toEqual([]);
});

test('an unknown format is an annotation, and numbers have no format', () => {
  expect(isTaken('colour', 'x')).toBe(true);
  expect(compileSchema({ properties: { a: { format: 'email' } } })({ a: 7 }, 10)).toEqual([]);
});

test('a wrong text is reported by its format, once', () => {
  const schema = { properties: { a: { type: 'string', format: 'email', pattern: '^[a-z@.]+$' } } };
  const errors = compileSchema(schema)({ a: 'NO' }, 10);
  expect(errors).toEqual([{ pointer: '#/a', code: 'pattern', detail: 'must be a valid email' }]);
  expect(compileSchema({ properties: { a: { format: 'uri' } } })({ a: 'x' }, 10)).toEqual([
    { pointer: '#/a', code: 'format', detail: 'must be a valid uri' },
  ]);
});

test.each<[string, fc.Arbitrary<string>]>([
  ['email', fc.emailAddress()],
  ['uri', fc.webUrl({ withQueryParameters: true, withFragments: true })],
  ['uuid', fc.uuid()],
  ['ipv4', fc.ipV4()],
  ['ipv6', fc.ipV6()],
  ['hostname', fc.domain()],
  [
    'date-time',
    fc
      .date({ noInvalidDate: true, min: new Date('0001'), max: new Date('9999') })
      .map((at) => at.toISOString()),
  ],
])('any %s is accepted', (format, texts) => {
  fc.assert(fc.property(texts, (text) => isTaken(format, text)));
});
