import { randomUUID } from 'node:crypto';
import { realpath, rename, rm, stat, writeFile } from 'node:fs/promises';

type Content = Parameters<typeof writeFile>[1];

/**
 * Writes a file that is either complete or unchanged: beside its place first, then moved there. Anything that is not a
 * plain file, such as /dev/stdout, is written to directly. `mode` is for a file that does not exist yet.
 */
export async function writeWhole(
  path: string,
  content: Content,
  { mode = 0o666, signal }: { mode?: number; signal?: AbortSignal } = {},
): Promise<void> {
  const known = await stat(path).catch(() => undefined);
  if (known && !known.isFile()) return writeFile(path, content, { signal });
  // A link keeps its target.
  const place = known ? await realpath(path) : path;
  const fresh = `${place}.${randomUUID()}.part`;
  try {
    await writeFile(fresh, content, { mode: known?.mode ?? mode, signal, flush: true });
    await rename(fresh, place);
  } finally {
    await rm(fresh, { force: true });
  }
}
