import { extname } from 'node:path';

/**
 * The file in this folder that a thread or process starts with: TypeScript in the repository, JavaScript in the built
 * package, where all files are in one folder.
 */
export function entryFile(name: 'attempt-process' | 'attempt-worker' | 'watchdog-thread'): URL {
  return new URL(`./${name}${extname(import.meta.url)}`, import.meta.url);
}
