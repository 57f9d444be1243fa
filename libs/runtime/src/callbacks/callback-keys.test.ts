import { expect, test } from 'vitest';
import { createActionKey, createCallbackKeys } from './callback-keys.ts';
import { createAsker, sealAnswer } from './sealed-answer.ts';

const keyOf = (byte: number) => Buffer.alloc(32, byte).toString('base64');
const ATTEMPT = {
  tenantId: 'acme',
  action: 'render',
  jobId: '0199a000-0000-7000-8000-000000000000',
  attempt: 12,
};

test('a token is read with any key of the ring, and made with the first', () => {
  const before = createCallbackKeys(keyOf(1));
  const after = createCallbackKeys(keyOf(2), [keyOf(1)]);
  const token = before.keyOf('render').token(ATTEMPT);
  expect(after.read(token)).toEqual(ATTEMPT);
  expect(before.read(after.keyOf('render').token(ATTEMPT))).toBeUndefined();
});

test('the key of one action makes no token of another', () => {
  const keys = createCallbackKeys(keyOf(1));
  const own = createActionKey(keys.keyOf('render').base64);
  expect(keys.read(own.token(ATTEMPT))).toEqual(ATTEMPT);
  expect(keys.read(own.token({ ...ATTEMPT, action: 'other' }))).toBeUndefined();
});

test.each([
  ['another tenant', (token: string) => token.replace('acme', 'acmf')],
  ['another attempt', (token: string) => token.replace('.12.', '.13.')],
  ['a leading zero', (token: string) => token.replace('.12.', '.012.')],
  ['another MAC', (token: string) => token.replace(/.{10}$/, 'AAAAAAAAAA')],
  ['none', () => ''],
])('a token with %s is none', (_, change) => {
  const keys = createCallbackKeys(keyOf(1));
  expect(keys.read(change(keys.keyOf('render').token(ATTEMPT)))).toBeUndefined();
});

test('what an executor has sealed opens for gateways of any ring with its key, in its context alone', () => {
  const sealed = createCallbackKeys(keyOf(1)).keyOf('render').box.seal('terms', ['a']);
  const later = createCallbackKeys(keyOf(2), [keyOf(1)]);
  expect(later.boxOf('render').open(sealed, ['a'])).toBe('terms');
  expect(() => later.boxOf('render').open(sealed, ['b'])).toThrow();
  expect(() => later.boxOf('other').open(sealed, ['a'])).toThrow();
});

test('an answer opens for its asker alone', () => {
  const asker = createAsker();
  const other = createAsker();
  const answer = sealAnswer('the key', asker.publicKey);
  expect(asker.open(answer)).toBe('the key');
  expect(() => other.open(answer)).toThrow();
  expect(asker.publicKey).toHaveLength(43);
});
