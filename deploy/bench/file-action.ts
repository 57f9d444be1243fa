import { createCipheriv } from 'node:crypto';
import { defineAction, FileResult } from '@errand/actions';
import { z } from 'zod';

const BLOCK_BYTES = 65_536;

/** As many bytes as asked for, always the same and not to be compressed, a block at a time. */
export function* fileBlocks(bytes: number): Generator<Uint8Array> {
  const cipher = createCipheriv('aes-128-ctr', Buffer.alloc(16, 1), Buffer.alloc(16));
  const zeros = Buffer.alloc(BLOCK_BYTES);
  for (let left = bytes; left > 0; left -= BLOCK_BYTES) {
    yield cipher.update(left < BLOCK_BYTES ? zeros.subarray(0, left) : zeros);
  }
}

/** Makes a file in a worker thread. Its first attempt never goes on after `stop_at` bytes, if there is such a number. */
export const file = defineAction({
  name: 'file',
  input: z.strictObject({ bytes: z.int().min(0), stop_at: z.int().optional() }),
  result: FileResult,
  thread: 'worker',
  run: ({ input, attempt, progress, saveResult }) => {
    async function* body() {
      let given = 0;
      for (const block of fileBlocks(input.bytes)) {
        yield block;
        given += block.length;
        if (attempt > 1 || input.stop_at === undefined || given < input.stop_at) continue;
        progress(50, 'stopped');
        await new Promise(() => {});
      }
    }
    return saveResult({ contentType: 'application/octet-stream', filename: 'file.bin', body: body() });
  },
});
