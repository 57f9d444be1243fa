import { isDeepStrictEqual } from 'node:util';
import { type ActionPlace, type Fingerprint, findActionPlace, fingerprint, NOTHING } from './action-files.ts';
import { type KnownFile, type LoadedAction, type LoadOptions, loadPlace } from './load-actions.ts';
import { filesOf } from './module-code.ts';
import { unreadDefinitions } from './unread-definitions.ts';

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
  /** What looks like a definition but is not read, told once. */
  readonly unread: readonly string[];
  /** All actions there are; of two with the same name the first. */
  readonly actions: readonly LoadedAction[];
}

interface KnownPlace {
  readonly name: string;
  /** Of what was loaded last. */
  loaded?: Fingerprint;
  /** Of the last look. */
  seen?: Fingerprint;
  /** What has been told of files that are not read. */
  unread: readonly string[];
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
  const places = names.map((name): KnownPlace => ({ name, unread: [], files: new Map() }));
  return {
    async look() {
      let hasChanged = false;
      const broken: string[] = [];
      const unread: string[] = [];
      for (const place of places) {
        const found = await lookAt(place, options);
        hasChanged ||= found.hasChanged;
        broken.push(...found.broken);
        unread.push(...found.unread);
      }
      const { actions, clashes } = gather(places);
      if (hasChanged) broken.push(...clashes);
      return { hasChanged, broken, unread, actions };
    },
  };
}

type Found = Pick<Look, 'hasChanged' | 'broken' | 'unread'>;
const SAME: Found = { hasChanged: false, broken: [], unread: [] };

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
    return { ...SAME, broken: [trouble] };
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
    known.unread = [];
    const broken = options.toleratesBroken ? [] : [`there is no ${known.name}`];
    return { hasChanged: true, broken, unread: [] };
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
  const unread = await unreadDefinitions(place, readFiles(place, known));
  const news = unread.filter((each) => !known.unread.includes(each));
  known.unread = unread;
  known.loaded = mark;
  return { hasChanged: true, broken, unread: news };
}

/** The files of a place with what their code imports. Links count as what they lead to, too. */
function readFiles(place: ActionPlace, { files }: KnownPlace): Set<string> {
  const sources = [...files.values()].flatMap(({ good }) => (good ? [good.source] : []));
  const code = sources.flatMap((source) => (typeof source === 'string' ? [] : filesOf(source)));
  return new Set([...place.files, ...place.unreadable.map(({ file }) => file), ...code]);
}

function gather(places: readonly KnownPlace[]): { actions: LoadedAction[]; clashes: string[] } {
  const byName = new Map<string, LoadedAction>();
  const clashes: string[] = [];
  for (const loaded of places.flatMap(({ files }) =>
    [...files.values()].flatMap(({ good }) => good?.actions ?? []),
  )) {
    const { name } = loaded.action.contract;
    const other = byName.get(name);
    if (other) clashes.push(`${loaded.file}: action ${name} already exists in ${other.file}`);
    else byName.set(name, loaded);
  }
  return { actions: [...byName.values()], clashes };
}
