import type { ActionContract } from '@errand/contracts';
import { expect, test } from 'vitest';
import { concurrencyOf, unknownKeys } from './concurrency-keys.ts';

const contract = {
  concurrency_keys: [
    { name: 'account', pointer: '/account_id', limit: 1 },
    { name: 'region', pointer: '/place/a~1b', limit: 3 },
  ],
} as ActionContract;

test('values come from the input, as text, and from the caller before that', () => {
  const input = { account_id: 7, place: { 'a/b': 'north' } };
  expect(concurrencyOf(contract, input)).toEqual([
    { name: 'account', value: '7', limit: 1 },
    { name: 'region', value: 'north', limit: 3 },
  ]);
  expect(concurrencyOf(contract, input, { account: 'x' })?.[0]?.value).toBe('x');
});

test('what has no value has no limit', () => {
  expect(concurrencyOf(contract, { account_id: { no: 'text' } })).toBeUndefined();
  expect(concurrencyOf({} as ActionContract, { account_id: 7 })).toBeUndefined();
  expect(concurrencyOf(contract, JSON.parse('{"__proto__":{"account_id":1}}'))).toBeUndefined();
});

test('a long value is known by its digest, and two long ones are told apart', () => {
  const of = (text: string) => concurrencyOf(contract, { account_id: text })?.[0]?.value;
  expect(of('x'.repeat(201))).toHaveLength(64);
  expect(of('x'.repeat(201))).not.toBe(of('x'.repeat(202)));
});

test('names that the contract does not have are told', () => {
  expect(unknownKeys(contract, { account: 'x' })).toEqual([]);
  expect(unknownKeys(contract, { acount: 'x' })).toMatchObject([
    { pointer: '#/_job/concurrency_keys/acount', detail: 'must be one of account, region' },
  ]);
});
