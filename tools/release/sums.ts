import { hash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';

/** Digests of files, as `sha256sum --check` reads them. */
export async function sumsOf(files: readonly string[]): Promise<string> {
  const lines = files.map(
    async (file) => `${hash('sha256', await readFile(file), 'hex')}  ${basename(file)}\n`,
  );
  return (await Promise.all(lines)).join('');
}
