import { knownPlaces } from './loading/known-places.ts';
import { shownPath } from './loading/load-error.ts';

const LOAD_LIMIT_MS = 20_000;

export interface CheckedActions {
  readonly actions: readonly { readonly name: string; readonly path: string; readonly file: string }[];
  /** Why something would keep an executor from starting; several lines, each with its place where that is known. */
  readonly broken: readonly string[];
  /** What looks like an action but is in a place that is not read. */
  readonly unread: readonly string[];
}

/** Loads actions as an executor does at its start, without a server. `places`: folders and files. */
export async function checkActions(places: readonly string[]): Promise<CheckedActions> {
  const known = knownPlaces(places, {
    toleratesBroken: false,
    loadLimitMs: LOAD_LIMIT_MS,
    maxContractBytes: Number.POSITIVE_INFINITY,
    signal: new AbortController().signal,
  });
  const { actions, broken, unread } = await known.look();
  return {
    actions: actions.map(({ action: { contract }, file = '' }) => ({
      name: contract.name,
      path: [contract.resource, contract.name].filter((part) => part !== '').join('/'),
      file: shownPath(file),
    })),
    broken,
    unread,
  };
}
