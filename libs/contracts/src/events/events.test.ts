import { expect, test } from 'vitest';
import { Metadata } from './events.ts';

test.each([
  ['a value', { order: 'half a pair: \ud800' }],
  ['a name', { '\udc00': 'x' }],
])('metadata with half of a surrogate pair in %s is refused', (_, metadata) => {
  expect(Metadata.safeParse(metadata).error?.issues[0]?.message).toBe('must be well-formed text');
});

test('metadata may hold any well-formed text', () => {
  const metadata = { 'ключ 🔑': '\u0000 and a whole pair: \ud83d\ude00', empty: '' };
  expect(Metadata.parse(metadata)).toEqual(metadata);
});
