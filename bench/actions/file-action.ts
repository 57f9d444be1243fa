import { defineAction, FileResult } from '@errand/actions';
import { Metadata } from '@errand/contracts';

const BLOCK_BYTES = 65_536;

/** The requested number of bytes, always the same and incompressible, block after block in the same memory. */
export function* fileBlocks(bytes: number): Generator<Uint8Array> {
  const words = new Uint32Array(BLOCK_BYTES / 4);
  let word = 1;
  for (let left = bytes; left > 0; left -= BLOCK_BYTES) {
    for (let index = 0; index < words.length; index++) {
      // Marsaglia's xorshift.
      word ^= word << 13;
      word ^= word >>> 17;
      word ^= word << 5;
      words[index] = word;
    }
    yield new Uint8Array(words.buffer, 0, Math.min(left, BLOCK_BYTES));
  }
}

/**
 * Makes a file of `bytes` in a worker thread. If `stop_at` is given, its first attempt hangs after that many bytes. Its
 * input is a record of strings.
 */
export const file = defineAction({
  name: 'file',
  input: Metadata,
  result: FileResult,
  thread: 'worker',
  run: ({ input, attempt, progress, saveResult }) => {
    const stopAt =
      attempt === 1 ? Number(input.stop_at ?? Number.POSITIVE_INFINITY) : Number.POSITIVE_INFINITY;
    async function* body() {
      let given = 0;
      for (const block of fileBlocks(Number(input.bytes))) {
        yield block;
        given += block.length;
        if (given < stopAt) continue;
        progress(50, 'stopped');
        await new Promise(() => {});
      }
    }
    return saveResult({ contentType: 'application/octet-stream', filename: 'file.bin', body: body() });
  },
});
