import { expect, test } from 'vitest';
import { createLookup } from './lookup.ts';

function sourceOf(stored: Record<string, string>, inMemory: Record<string, string> = {}) {
  const asked: string[] = [];
  const lookup = createLookup({
    peek: (key: string) => inMemory[key],
    async get(key) {
      asked.push(key);
      return stored[key];
    },
  });
  return { asked, lookup };
}

test('what memory knows is found without a promise', () => {
  const { lookup, asked } = sourceOf({}, { a: '1' });
  expect(lookup.find('a')).toBe('1');
  expect(asked).toEqual([]);
});

test('what memory does not know is asked for, by one call at a time', async () => {
  const { lookup, asked } = sourceOf({ a: '1' });
  expect(await Promise.all([lookup.find('a'), lookup.find('a')])).toEqual(['1', '1']);
  expect(asked).toEqual(['a']);
});

test('a key that is nowhere is not asked for again at once', async () => {
  const { lookup, asked } = sourceOf({});
  expect(await lookup.find('a')).toBeUndefined();
  expect(lookup.find('a')).toBeUndefined();
  expect(asked).toEqual(['a']);
});

test('a flood of wrong keys is forgotten again, oldest first', async () => {
  const { lookup, asked } = sourceOf({});
  for (let key = 0; key <= 10_000; key++) await lookup.find(String(key));
  asked.length = 0;
  await lookup.find('10000');
  await lookup.find('0');
  expect(asked).toEqual(['0']);
});

test('a source that fails is asked again', async () => {
  let calls = 0;
  const lookup = createLookup<string>({
    peek: () => undefined,
    async get() {
      calls++;
      throw new Error('down');
    },
  });
  await expect(lookup.find('a')).rejects.toThrow('down');
  await expect(lookup.find('a')).rejects.toThrow('down');
  expect(calls).toBe(2);
});
