import type { Bucket } from '@errand/bus';
import type { IdempotencyRecord } from '@errand/contracts';
import { expect, test } from 'vitest';
import { Refusal } from '../http/problem.ts';
import { createIdempotency, fingerprintOf, readIdempotencyKey, recordNameOf } from './idempotency.ts';

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

test.each([
  [4_000, undefined],
  [5_000, 'the record'],
])(
  'the record of what was refused after %i ms is removed only where nobody may have taken it over',
  async (ms, kept) => {
    let nowMs = 0;
    const stored = new Map<string, IdempotencyRecord>();
    const records = {
      create: async (name: string, record: IdempotencyRecord) => {
        stored.set(name, record);
        return true;
      },
      get: async (name: string) => stored.get(name),
      delete: async (name: string) => void stored.delete(name),
    } as Partial<Bucket<IdempotencyRecord>> as Bucket<IdempotencyRecord>;
    const bus = { isConnected: () => true };
    const idempotency = createIdempotency({ bus, records, now: () => nowMs, takeoverMs: 10_000 });
    const request = async () => {
      nowMs += ms;
      throw new Refusal('payloads_full');
    };
    const keyed = { name: 'n', fingerprint: 'f', request, find: async () => undefined };
    await expect(idempotency.once(keyed)).rejects.toThrow('payloads_full');
    expect(stored.has('n')).toBe(kept !== undefined);
  },
);
