import { defineAction, FileResult, type SavedResult } from '@errand/actions';
import { z } from 'zod';

/* Test-only: actions whose results are files, or that read another job's. */

const input = z.object({
  pieces: z.number().default(3),
  piece_bytes: z.number().default(200_000),
  how: z.enum(['whole', 'break', 'forge', 'misname']).default('whole'),
});

/** The pieces that a file of the test actions is made of. */
export function* piecesOf(pieces: number, pieceBytes: number): Generator<Uint8Array> {
  const piece = new Uint8Array(pieceBytes);
  for (let index = 0; index < pieces; index++) yield piece.fill(index + 1);
}

const options = {
  input,
  result: FileResult,
  retry: { maxAttempts: 1 },
} as const;

async function run({
  input: { pieces, piece_bytes: pieceBytes, how },
  saveResult,
}: {
  input: z.output<typeof input>;
  saveResult: Parameters<Parameters<typeof defineAction>[0]['run']>[0]['saveResult'];
}): Promise<SavedResult> {
  function* body() {
    yield* piecesOf(pieces, pieceBytes);
    if (how === 'break') throw new Error('the disk is broken');
  }
  const filename = how === 'misname' ? '../passwd' : 'Angebot für Müller.bin';
  const saved = await saveResult({ contentType: 'application/octet-stream', filename, body: body() });
  return how === 'forge' ? { ...saved } : saved;
}

export const file = defineAction({ ...options, name: 'file', run });
export const file_in_thread = defineAction({ ...options, name: 'file_in_thread', thread: 'worker', run });

const other = { input: z.object({ job_id: z.string() }), result: z.unknown() };
export const peek = defineAction({
  ...other,
  name: 'peek',
  run: ({ input: { job_id }, readResult }) => readResult(job_id),
});
export const peek_in_thread = defineAction({
  ...other,
  name: 'peek_in_thread',
  thread: 'worker',
  run: ({ input: { job_id }, readResult }) => readResult(job_id),
});

/** A result of as many characters as asked for; its input may be as long as it likes. */
export const echo = defineAction({
  name: 'echo',
  input: z.object({ text: z.string(), times: z.number().default(1) }),
  result: z.object({ text: z.string() }),
  retry: { maxAttempts: 1 },
  run: ({ input: { text, times } }) => ({ text: text.repeat(times) }),
});
