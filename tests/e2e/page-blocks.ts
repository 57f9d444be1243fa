import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

export const ROOT = join(import.meta.dirname, '..', '..');

/** For what it runs itself, npm puts the repository's own Node first; a reader's shell has the machine's. */
export const READERS_PATH = (process.env.PATH ?? '')
  .split(':')
  .filter((folder) => !folder.endsWith('node_modules/.bin'))
  .join(':');

/** A code block of a page. Its info string says what it is: `ts file=actions/hello.ts`, `sh run`, `sh background`. */
export interface Block {
  readonly info: string;
  readonly text: string;
}

/** The blocks of a page in `docs`, after `adapt` has replaced what the page names by what the machine has. */
export async function readBlocks(page: string, adapt: (text: string) => string): Promise<Block[]> {
  const text = adapt(await readFile(join(ROOT, 'docs', page), 'utf8'));
  return [...text.matchAll(/^```([^\n]*)\n(.*?)^```$/gms)].map(([, info = '', body = '']) => ({
    info,
    text: body,
  }));
}

/** Writes the files that the blocks describe. */
export async function writeFiles(folder: string, blocks: readonly Block[]): Promise<void> {
  for (const { info, text } of blocks) {
    const [, path] = /file=(\S+)/.exec(info) ?? [];
    if (path === undefined) continue;
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
}
