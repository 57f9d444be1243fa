import { lstat, readdir, realpath, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';

/** The folder of the actions that come with Errand. */
export const SHIPPED_ACTIONS = join(import.meta.dirname, 'actions');

/** The word by which a configuration names it. */
const SHIPPED = 'shipped';

/** What a configuration's word names: a folder, or one file of it. */
export interface ActionPlace {
  /** As it was named. */
  readonly name: string;
  /** Without symbolic links. */
  readonly folder: string;
  readonly files: readonly string[];
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
  const path = name === SHIPPED ? SHIPPED_ACTIONS : resolve(name);
  const real = await realpath(path).catch(() => undefined);
  if (real === undefined) return undefined;
  if (!(await stat(real)).isDirectory()) {
    // A mounted configuration is a symbolic link; its neighbours are where the name says.
    return {
      name,
      folder: isDeclarations(real) ? dirname(path) : dirname(real),
      files: [real],
      isFile: true,
    };
  }
  const entries = await readdir(real, { withFileTypes: true });
  const files: string[] = [];
  for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    if (isHidden(entry.name)) continue;
    const entryPath = join(real, entry.name);
    if ((await stat(entryPath)).isDirectory()) {
      const inner = (await readdir(entryPath)).filter((each) => ACTION_MODULE.test(each));
      files.push(...inner.map((each) => join(entryPath, each)));
    } else if (DECLARATIONS.test(entry.name) || isModule(entry.name)) files.push(entryPath);
  }
  return { name, folder: real, files, isFile: false };
}

/** Changes whenever a file that may be part of the place's actions does. */
export async function fingerprint(place: ActionPlace): Promise<string> {
  const marks: string[] = [];
  async function visit(folder: string): Promise<void> {
    for (const name of (await readdir(folder)).toSorted()) {
      if (isHidden(name)) continue;
      const path = join(folder, name);
      const about = await lstat(path).catch(() => undefined);
      if (about?.isDirectory()) await visit(path);
      else if (about && (MODULE.test(name) || name.endsWith('.json'))) marks.push(markOf(path, about));
    }
  }
  const isCode = place.files.some((file) => !isDeclarations(file));
  if (!place.isFile || isCode) await visit(place.folder);
  for (const file of place.files) marks.push(markOf(file, await stat(file)));
  return marks.join('\n');
}

function markOf(
  path: string,
  { mtimeMs, size, ino }: { mtimeMs: number; size: number; ino: number },
): string {
  return `${path} ${mtimeMs} ${size} ${ino}`;
}

function isModule(name: string): boolean {
  return MODULE.test(name) && !NO_ACTION_MODULE.test(name);
}

function isHidden(name: string): boolean {
  return name.startsWith('.') || name === 'node_modules';
}
