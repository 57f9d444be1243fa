import type { Action } from '@errand/actions';
import { schemaMistakes } from '@errand/json-schema';
import { type ActionPlace, isDeclarations } from './action-files.ts';
import { loadDeclarations } from './declared/load-declarations.ts';
import { actionsOf } from './exported-actions.ts';
import { explainLoadError } from './load-error.ts';
import { importCode, type ModuleCode, moduleCode, newCodeVersion } from './module-code.ts';

export interface LoadedAction {
  readonly action: Action;
  /** Absent for one that was not read from a file. */
  readonly file?: string;
  /** For running it in a thread. Absent for declared actions, which have no code of their own. */
  readonly code?: ModuleCode;
}

/** What became of one file. A folder's module that exports no action is loaded, with none. */
export type FileOutcome =
  | { kind: 'loaded'; file: string; actions: LoadedAction[] }
  /** Several lines, each with the place in the file where it is known. */
  | { kind: 'broken'; file: string; reason: string };

/** Loads the code of a place anew, file by file: one that is broken does not keep the others from being loaded. */
export async function loadPlace(place: ActionPlace): Promise<FileOutcome[]> {
  const version = newCodeVersion(place.folder);
  const outcomes: FileOutcome[] = [];
  for (const file of place.files) {
    try {
      if (isDeclarations(file)) {
        const actions = await loadDeclarations(file, place.folder);
        outcomes.push({ kind: 'loaded', file, actions: actions.map((action) => ({ action, file })) });
        continue;
      }
      const code = moduleCode(version, file);
      const actions = actionsOf(await importCode(code));
      if (place.isFile && actions.length === 0) throw new Error('exports no action');
      assertServable(actions);
      outcomes.push({ kind: 'loaded', file, actions: actions.map((action) => ({ action, file, code })) });
    } catch (error) {
      outcomes.push({ kind: 'broken', file, reason: await explainLoadError(error, { file, version }) });
    }
  }
  return outcomes;
}

/** A gateway compiles the input's schema; one that it could not compile would be a route that answers nothing but 500. */
export function assertServable(actions: readonly Action[]): void {
  for (const { contract } of actions) {
    const [mistake] = schemaMistakes(contract.input_schema);
    if (!mistake) continue;
    const { path, detail } = mistake;
    throw new Error(`the gateway cannot check inputs of ${contract.name}: ${[...path, detail].join(' / ')}`);
  }
}
