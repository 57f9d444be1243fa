import fc from 'fast-check';
import { expect, test } from 'vitest';
import { intoChunks } from './payload-chunks.ts';

async function all(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array[]> {
  const list: Uint8Array[] = [];
  for await (const chunk of chunks) list.push(chunk);
  return list;
}

test('chunks are the bytes of the pieces, all of one size but the last, and none is empty', async () => {
  const pieces = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 20 });
  await fc.assert(
    fc.asyncProperty(pieces, fc.integer({ min: 1, max: 17 }), async (given, size) => {
      const chunks = await all(intoChunks(given, size));
      expect(Buffer.concat(chunks)).toEqual(Buffer.concat(given));
      expect(chunks.slice(0, -1).every(({ length }) => length === size)).toBe(true);
      expect(chunks.every(({ length }) => length > 0)).toBe(true);
    }),
  );
});

test('a piece may be overwritten once the next one is asked for', async () => {
  const memory = new Uint8Array(3);
  function* pieces() {
    for (let value = 1; value <= 4; value++) yield memory.fill(value);
  }
  const chunks = await all(intoChunks(pieces(), 5));
  expect([...Buffer.concat(chunks)]).toEqual([1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4]);
});
