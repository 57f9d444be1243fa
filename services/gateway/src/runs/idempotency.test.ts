import { expect, test } from 'vitest';
import { fingerprintOf, readIdempotencyKey, recordNameOf } from './idempotency.ts';

test.each([
  [null, undefined],
  ['abc', 'abc'],
  ['"abc"', 'abc'],
  [' "abc" ', 'abc'],
  ['8e03978e-40d5-43dd-bc93-6894a57f9324', '8e03978e-40d5-43dd-bc93-6894a57f9324'],
  ['"a\\"b\\\\c"', 'a"b\\c'],
  ['a\\b', 'a\\b'],
  ['x'.repeat(255), 'x'.repeat(255)],
  [`"${'x'.repeat(255)}"`, 'x'.repeat(255)],
])('the header %j holds the key %j', (header, key) => {
  expect(readIdempotencyKey(header)).toBe(key);
});

test.each(['', '""', '"', '"abc', 'abc"', 'a b', '"a b"', 'a, b', '"a\\b"', 'é', '\u007f', 'x'.repeat(256)])(
  'the header %j is refused',
  (header) => {
    expect(() => readIdempotencyKey(header)).toThrow('invalid_input');
  },
);

test('a key is another one for another tenant, kind of request and place', () => {
  const use = { tenantId: 'a', kind: 'run', place: '/p', key: 'k' };
  const others = [{ tenantId: 'b' }, { kind: 'retry' }, { place: '/q' }, { key: 'l' }];
  const names = [use, ...others.map((other) => ({ ...use, ...other }))].map(recordNameOf);
  expect(new Set(names).size).toBe(5);
  expect(names[0]).toBe(recordNameOf({ ...use }));
  expect(names[0]).toMatch(/^[0-9a-f]{64}$/);
});

test('a request is told by its place and its body', () => {
  const prints = [fingerprintOf('/p', '{}'), fingerprintOf('/p', '{ }'), fingerprintOf('/q', '{}')];
  expect(new Set(prints).size).toBe(3);
});
