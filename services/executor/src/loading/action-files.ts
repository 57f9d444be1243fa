import { lstat, readdir, realpath, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';

/** What a configured path names: a folder, or one file of it. */
export interface ActionPlace {
  /** As it was named. */
  readonly name: string;
  /** Without symbolic links. */
  readonly folder: string;
  readonly files: readonly string[];
  /** What is called like an action file and cannot be read, such as a link to nothing. */
  readonly unreadable: readonly { readonly file: string; readonly reason: string }[];
  /** A file that was named itself must hold an action; in a folder there may be others. */
  readonly isFile: boolean;
}

const MODULE = /\.(ts|mts|js|mjs)$/;
const NO_ACTION_MODULE = /\.(d|test|spec|int\.test)\.[a-z]+$/;
const DECLARATIONS = /^actions\.ya?ml$/;
const ACTION_MODULE = /^action\.(ts|mts|js|mjs)$/;

/** Whether a file declares actions instead of exporting them. */
export function isDeclarations(file: string): boolean {
  return /\.ya?ml$/.test(file);
}

/**
 * The action files of a folder are the modules and the `actions.yaml` right in it, and `action.ts` of each folder in
 * it. Undefined when there is nothing of that name.
 */
export async function findActionPlace(name: string): Promise<ActionPlace | undefined> {
  const path = resolve(name);
  const real = await realpath(path).catch(() => undefined);
  if (real === undefined) return undefined;
  if (!(await stat(real)).isDirectory()) {
    // A mounted configuration is a symbolic link; its neighbours are where the name says.
    return {
      name,
      folder: isDeclarations(real) ? dirname(path) : dirname(real),
      files: [real],
      unreadable: [],
      isFile: true,
    };
  }
  const files: string[] = [];
  const unreadable: { file: string; reason: string }[] = [];
  for (const entry of (await readdir(real)).toSorted()) {
    if (isHidden(entry)) continue;
    const path = join(real, entry);
    try {
      if ((await stat(path)).isDirectory()) {
        const inner = (await readdir(path)).filter((each) => ACTION_MODULE.test(each));
        files.push(...inner.map((each) => join(path, each)));
      } else if (isActionFile(entry)) files.push(path);
    } catch (error) {
      if (isActionFile(entry)) unreadable.push({ file: path, reason: reasonOf(error) });
    }
  }
  return { name, folder: real, files, unreadable, isFile: false };
}

/** Differs whenever a file that may be part of a place's actions does. */
export interface Fingerprint {
  readonly code: string;
  /** Of JSON files, which code may read without importing them. */
  readonly data: string;
}

/** Of a place that is not there. */
export const NOTHING: Fingerprint = { code: 'absent', data: '' };

/** Links count as what they lead to. Folders are followed unless they are links, which could lead back. */
export async function fingerprint(place: ActionPlace): Promise<Fingerprint> {
  const code: string[] = [];
  const data: string[] = [];
  async function visit(folder: string): Promise<void> {
    for (const name of (await readdir(folder).catch(() => [])).toSorted()) {
      if (isHidden(name)) continue;
      const path = join(folder, name);
      const about = await lstat(path).catch(() => undefined);
      if (about?.isDirectory()) await visit(path);
      else if (MODULE.test(name) || isDeclarations(name)) code.push(await markOf(path));
      else if (name.endsWith('.json')) data.push(await markOf(path));
    }
  }
  const isCode = place.files.some((file) => !isDeclarations(file));
  if (!place.isFile || isCode) await visit(place.folder);
  for (const file of place.files) code.push(await markOf(file));
  code.push(...place.unreadable.map(({ file, reason }) => `${file} ${reason}`));
  return { code: code.join('\n'), data: data.join('\n') };
}

async function markOf(path: string): Promise<string> {
  const about = await stat(path).catch(() => undefined);
  return about ? `${path} ${about.mtimeMs} ${about.size} ${about.ino}` : `${path} unreadable`;
}

function reasonOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  return code === 'ENOENT' ? 'is a broken link' : `cannot be read (${code})`;
}

function isActionFile(name: string): boolean {
  return DECLARATIONS.test(name) || isModule(name);
}

/** Whether a file may export actions: tests and declarations of types do not. */
export function isModule(name: string): boolean {
  return MODULE.test(name) && !NO_ACTION_MODULE.test(name);
}

export function isHidden(name: string): boolean {
  return name.startsWith('.') || name === 'node_modules';
}
