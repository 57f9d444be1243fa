import { isDeepStrictEqual } from 'node:util';
import { type Fingerprint, findActionPlace, fingerprint, NOTHING } from './action-files.ts';
import { type KnownFile, type LoadedAction, type LoadOptions, loadPlace } from './load-actions.ts';

/** What the places of a configuration hold, as far as it has been looked at. */
export interface KnownPlaces {
  /**
   * Looks at every place and loads anew what changed since the last look and has kept still for one: a file that is
   * being written may be half of it. The first look loads everything. A place that cannot be looked at is broken and
   * keeps no other from being looked at.
   */
  look(): Promise<Look>;
}

interface Look {
  readonly hasChanged: boolean;
  /** Why something could not be loaded, told once. Its last good version stays. */
  readonly broken: readonly string[];
  /** All actions there are; of two with the same name the first. */
  readonly actions: readonly LoadedAction[];
}

interface KnownPlace {
  readonly name: string;
  /** Of what was loaded last. */
  loaded?: Fingerprint;
  /** Of the last look. */
  seen?: Fingerprint;
  /** Why it could not be looked at the last time. */
  trouble?: string;
  readonly files: Map<string, KnownFile>;
}

export interface PlaceOptions extends Omit<LoadOptions, 'known' | 'hasNewData'> {
  /** Does without places that are not there. */
  readonly toleratesBroken: boolean;
}

/** @throws the signal's reason from `look` once it has fired */
export function knownPlaces(names: readonly string[], options: PlaceOptions): KnownPlaces {
  const places = names.map((name): KnownPlace => ({ name, files: new Map() }));
  return {
    async look() {
      let hasChanged = false;
      const broken: string[] = [];
      for (const place of places) {
        const found = await lookAt(place, options);
        hasChanged ||= found.hasChanged;
        broken.push(...found.broken);
      }
      const { actions, clashes } = gather(places);
      if (hasChanged) broken.push(...clashes);
      return { hasChanged, broken, actions };
    },
  };
}

type Found = Pick<Look, 'hasChanged' | 'broken'>;
const SAME: Found = { hasChanged: false, broken: [] };

async function lookAt(known: KnownPlace, options: PlaceOptions): Promise<Found> {
  try {
    const found = await refresh(known, options);
    delete known.trouble;
    return found;
  } catch (error) {
    options.signal.throwIfAborted();
    const trouble = `${known.name}: ${error instanceof Error ? error.message : error}`;
    if (trouble === known.trouble) return SAME;
    known.trouble = trouble;
    return { hasChanged: false, broken: [trouble] };
  }
}

async function refresh(known: KnownPlace, options: PlaceOptions): Promise<Found> {
  const place = await findActionPlace(known.name);
  const mark = place ? await fingerprint(place) : NOTHING;
  const keepsStill = known.loaded === undefined || isDeepStrictEqual(mark, known.seen);
  known.seen = mark;
  if (!keepsStill || isDeepStrictEqual(mark, known.loaded)) return SAME;
  const hasNewData = mark.data !== known.loaded?.data;
  if (!place) {
    known.loaded = mark;
    known.files.clear();
    return { hasChanged: true, broken: options.toleratesBroken ? [] : [`there is no ${known.name}`] };
  }
  const outcomes = await loadPlace(place, { ...options, known: known.files, hasNewData });
  const names = new Set(outcomes.map(({ file }) => file));
  for (const file of known.files.keys()) if (!names.has(file)) known.files.delete(file);
  const broken: string[] = [];
  for (const outcome of outcomes) {
    const { file } = outcome;
    if (outcome.kind === 'loaded') known.files.set(file, { good: outcome.good });
    if (outcome.kind !== 'broken') continue;
    broken.push(outcome.reason);
    const { unfinished } = outcome;
    known.files.set(file, { ...known.files.get(file), ...(unfinished ? { unfinished } : {}) });
  }
  known.loaded = mark;
  return { hasChanged: true, broken };
}

function gather(places: readonly KnownPlace[]): { actions: LoadedAction[]; clashes: string[] } {
  const byName = new Map<string, LoadedAction>();
  const clashes: string[] = [];
  for (const loaded of places.flatMap(({ files }) =>
    [...files.values()].flatMap(({ good }) => good?.actions ?? []),
  )) {
    const { name } = loaded.action.contract;
    const other = byName.get(name);
    if (other) clashes.push(`${loaded.file}: there is an action ${name} in ${other.file} already`);
    else byName.set(name, loaded);
  }
  return { actions: [...byName.values()], clashes };
}
