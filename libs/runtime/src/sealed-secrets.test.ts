import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createSecretBox } from './sealed-secrets.ts';

const box = createSecretBox(Buffer.alloc(32, 1).toString('base64'));
const other = createSecretBox(Buffer.alloc(32, 2).toString('base64'));
const context = ['acme', 'endpoint', 'password'];

test('a sealed secret opens to what it was, and shows nothing of it', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', minLength: 8 }), (plain) => {
      const sealed = box.seal(plain, context);
      expect(box.open(sealed, context)).toBe(plain);
      expect(sealed).not.toContain(plain);
    }),
  );
});

test('the same secret is sealed differently each time', () => {
  expect(box.seal('secret', context)).not.toBe(box.seal('secret', context));
});

test('a sealed secret opens for its own place only', () => {
  const sealed = box.seal('secret', context);
  expect(() => box.open(sealed, ['acme', 'other', 'password'])).toThrow();
  expect(() => box.open(sealed, ['acme', 'endpointpassword'])).toThrow();
});

test('another key is distinguished from a forgery', () => {
  expect(() => other.open(box.seal('secret', context), context)).toThrow(/sealed under key [0-9a-f]{8}/);
});

test('a change of any part is detected', () => {
  const sealed = box.seal('secret', context);
  for (const part of [2, 3, 4]) {
    const parts = sealed.split('.');
    const bytes = Buffer.from(parts[part] ?? '', 'base64url');
    bytes[0] = (bytes[0] ?? 0) ^ 1;
    parts[part] = bytes.toString('base64url');
    expect(() => box.open(parts.join('.'), context)).toThrow();
  }
  expect(() => box.open('v1.nothing', context)).toThrow('not a sealed secret');
});

test('fingerprints distinguish secrets and need the key', () => {
  expect(box.fingerprint('a')).toBe(box.fingerprint('a'));
  expect(box.fingerprint('a')).not.toBe(box.fingerprint('b'));
  expect(box.fingerprint('a')).not.toBe(other.fingerprint('a'));
});

test('other keys open what they sealed, and only the first one seals', () => {
  const keyOf = (byte: number) => Buffer.alloc(32, byte).toString('base64');
  const both = createSecretBox(keyOf(2), [keyOf(1)]);
  const [before, now] = [box.seal('secret', context), both.seal('secret', context)];
  expect([both.open(before, context), both.open(now, context), other.open(now, context)]).toEqual(
    Array(3).fill('secret'),
  );
  expect([both.isCurrent(before), both.isCurrent(now)]).toEqual([false, true]);
  expect(() => box.open(now, context)).toThrow(/sealed under key [0-9a-f]{8}/);
});
