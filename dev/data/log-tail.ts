import { open } from 'node:fs/promises';

const TAIL_BYTES = 8_192;

/** The last lines of a log file, indented; empty when there is no file. Reads its end only. */
export async function logTail(path: string, lines = 8): Promise<string> {
  const file = await open(path).catch(() => undefined);
  if (file === undefined) return '';
  try {
    const { size } = await file.stat();
    const { buffer, bytesRead } = await file.read({
      buffer: Buffer.alloc(TAIL_BYTES),
      position: Math.max(0, size - TAIL_BYTES),
    });
    const text = buffer.subarray(0, bytesRead).toString('utf8').trimEnd();
    return indent(text.split('\n').slice(-lines).join('\n'));
  } finally {
    await file.close();
  }
}

/** Indents each line of the text by four spaces. */
export function indent(text: string): string {
  return text.replace(/^/gm, '    ');
}
