import { lstat, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type ActionPlace, isDeclarations, isHidden, isModule } from './action-files.ts';
import { shownPath } from './load-error.ts';

const DECLARATIONS = /^actions?\.ya?ml$/i;
const DECLARES = /^actions\s*:/m;
const DEFINES = /^(?:export\s|(?:const|let|var)\s).*\bdefineAction\b/m;

/**
 * What is in a folder, looks like the definition of an action and is not read: a line for each. `loaded` are the files that
 * were read, with what they import.
 */
export async function unreadDefinitions(place: ActionPlace, loaded: ReadonlySet<string>): Promise<string[]> {
  const unread: string[] = [];
  async function visit(folder: string): Promise<void> {
    for (const name of (await readdir(folder).catch(() => [])).toSorted()) {
      if (isHidden(name)) continue;
      const path = join(folder, name);
      const about = await lstat(path).catch(() => undefined);
      if (about?.isDirectory()) await visit(path);
      else if (!loaded.has(path) && (await isDefinition(name, path))) unread.push(path);
    }
  }
  if (!place.isFile) await visit(place.folder);
  return unread.map(
    (file) =>
      `${shownPath(file)} looks like a definition but is not read: only modules and actions.yaml directly in the folder ` +
      'and action.ts in its subfolders are',
  );
}

async function isDefinition(name: string, path: string): Promise<boolean> {
  if (!isDeclarations(name) && !isModule(name)) return false;
  const text = await readFile(path, 'utf8').catch(() => '');
  return isModule(name) ? DEFINES.test(text) : DECLARATIONS.test(name) || DECLARES.test(text);
}
