import { readFile, realpath } from 'node:fs/promises';
import type { Action } from '@errand/actions';
import { schemaMistakes } from '@errand/json-schema';
import { loadDeclarations } from '../declared/load-declarations.ts';
import type { Outside } from '../remote/remote-action.ts';
import { type ActionPlace, isDeclarations } from './action-files.ts';
import { actionsOf } from './exported-actions.ts';
import { explainLoadError, shownPath } from './load-error.ts';
import {
  type CodeVersion,
  importCode,
  isUnchanged,
  type ModuleCode,
  moduleCode,
  newCodeVersion,
} from './module-code.ts';

export interface LoadedAction {
  readonly action: Action;
  /** Absent for one that was not read from a file. */
  readonly file?: string;
  /** For running it in a thread or a process. Absent for declared actions, which have no code of their own. */
  readonly code?: ModuleCode;
  /** Whether it comes with the main file of this process, which serves it whenever it is started. */
  readonly isMain?: boolean;
  /** Who runs its attempts, if that is not this process. */
  readonly outside?: Outside;
}

/** A file's version that loaded, with what it was read from: the text of declarations, or code. */
interface GoodVersion {
  readonly actions: readonly LoadedAction[];
  readonly source: string | ModuleCode;
}

/** What is known of a file from earlier. */
export interface KnownFile {
  readonly good?: GoodVersion;
  /** Code that was given up while it was loading: as long as it stays the same, it is not tried again. */
  readonly unfinished?: ModuleCode;
}

/** What became of one file. A folder's module that exports no action is loaded, with none. */
export type FileOutcome =
  | { kind: 'loaded'; file: string; good: GoodVersion }
  /** All that it is made of is as it was. */
  | { kind: 'kept'; file: string }
  /** Several lines, each with the place in the file where it is known. */
  | { kind: 'broken'; file: string; reason: string; unfinished?: ModuleCode };

export interface LoadOptions {
  readonly known: ReadonlyMap<string, KnownFile>;
  /** Whether a file changed that code may read without importing it: then nothing is kept. */
  readonly hasNewData: boolean;
  /** How long a module may take; what it waits for at its top level may never come. */
  readonly loadLimitMs: number;
  /** What a server takes in one message. */
  readonly maxContractBytes: number;
  readonly signal: AbortSignal;
}

/**
 * Loads what changed in a place, file by file: one that is broken does not keep the others from being loaded.
 * @throws the signal's reason once it has fired
 */
export async function loadPlace(place: ActionPlace, options: LoadOptions): Promise<FileOutcome[]> {
  const version = newCodeVersion(place.folder);
  // At once, so that one that never comes to an end costs the others one limit.
  const loading = place.files.map(async (file): Promise<FileOutcome> => {
    try {
      return await loadFile(file, { place, version, options });
    } catch (error) {
      options.signal.throwIfAborted();
      const reason = await explainLoadError(error, { file, version });
      const unfinished =
        error instanceof NotInTime ? { unfinished: moduleCode(version, await realpath(file)) } : {};
      return { kind: 'broken', file, reason, ...unfinished };
    }
  });
  const unreadable = place.unreadable.map(
    ({ file, reason }): FileOutcome => ({ kind: 'broken', file, reason: `${shownPath(file)}: ${reason}` }),
  );
  return [...(await Promise.all(loading)), ...unreadable];
}

async function loadFile(
  file: string,
  { place, version, options }: { place: ActionPlace; version: CodeVersion; options: LoadOptions },
): Promise<FileOutcome> {
  const { good, unfinished } = options.known.get(file) ?? {};
  if (isDeclarations(file)) {
    const source = await readFile(file, 'utf8');
    if (good?.source === source && !options.hasNewData) return { kind: 'kept', file };
    const declared = await loadDeclarations(file, place.folder);
    const actions = declared.map((action) => ({ action, file }));
    assertServable(declared, options.maxContractBytes);
    return { kind: 'loaded', file, good: { actions, source } };
  }
  const code = moduleCode(version, await realpath(file));
  if (!options.hasNewData) {
    for (const earlier of [good?.source, unfinished]) {
      if (typeof earlier === 'object' && (await isUnchanged(earlier, code))) return { kind: 'kept', file };
    }
  }
  const exported = await inTime(() => importCode(code), options);
  const actions = actionsOf(exported);
  if (actions.length === 0 && (place.isFile || (await keepsAction(file))))
    throw new Error('exports no action');
  assertServable(actions, options.maxContractBytes);
  return {
    kind: 'loaded',
    file,
    good: { actions: actions.map((action) => ({ action, file, code })), source: code },
  };
}

/** A module without an action is a part of others, but not one that makes an action and forgets to export it. */
async function keepsAction(file: string): Promise<boolean> {
  return /^(?:const|let|var)\s+\w+\s*=\s*defineAction\b/m.test(await readFile(file, 'utf8'));
}

/**
 * A gateway compiles the input's schema; one that it could not compile would be a route that answers nothing but 500.
 * It reads the contract from one message.
 */
export function assertServable(
  actions: readonly Action[],
  maxContractBytes = Number.POSITIVE_INFINITY,
): void {
  for (const { contract } of actions) {
    const [mistake] = schemaMistakes(contract.input_schema);
    if (mistake) {
      const { path, detail } = mistake;
      throw new Error(
        `the gateway cannot check inputs of ${contract.name}: ${[...path, detail].join(' / ')}`,
      );
    }
    const bytes = Buffer.byteLength(JSON.stringify(contract));
    if (bytes <= maxContractBytes) continue;
    throw new Error(
      `the schemas of ${contract.name} take ${bytes} bytes, more than the ${maxContractBytes} of a NATS message`,
    );
  }
}

/** Something took longer than it may. It may still come to an end, which interests nobody any more. */
class NotInTime extends Error {
  override name = 'NotInTime';
  readonly code = 'not_in_time';
  readonly retryable = false;
}

/**
 * Resolves to what a call resolves to, if it does before the limit and the signal.
 * @throws NotInTime; the signal's reason
 */
async function inTime<T>(
  call: () => Promise<T>,
  { loadLimitMs, signal }: { loadLimitMs: number; signal: AbortSignal },
): Promise<T> {
  signal.throwIfAborted();
  const { promise: over, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => reject(new NotInTime(`has not finished loading after ${loadLimitMs / 1_000} s`)),
    loadLimitMs,
  );
  const onAbort = () => reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([call(), over]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
  }
}
