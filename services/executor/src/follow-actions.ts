import { ConfigError, type Logger } from '@errand/runtime';
import { findActionPlace, fingerprint } from './action-files.ts';
import { type FileOutcome, type LoadedAction, loadPlace } from './load-actions.ts';

export interface FollowOptions {
  /** What the configuration names. */
  places: readonly string[];
  /** How often files are looked at for changes; 0 never. */
  intervalMs: number;
  /** Starts without what is broken or absent instead of refusing to start. */
  toleratesBroken: boolean;
  log: Logger;
  signal: AbortSignal;
  /** Told all actions there are, at first and after each change. Called again later when it throws. */
  onActions: (actions: readonly LoadedAction[]) => Promise<void>;
}

interface KnownPlace {
  readonly name: string;
  mark: string;
  /** The last good version of each file. */
  readonly files: Map<string, readonly LoadedAction[]>;
}

/**
 * Loads the actions that a configuration names and follows their files until the signal: a file that changed is loaded
 * anew; one that is broken is reported, and its last good version stays. Resolves when the first actions are on.
 * @throws ConfigError when something is broken at first, unless that is tolerated.
 */
export async function followActions(options: FollowOptions): Promise<{ ended: Promise<void> }> {
  const { log, onActions, intervalMs, signal, toleratesBroken } = options;
  const places = options.places.map((name): KnownPlace => ({ name, mark: '', files: new Map() }));
  const broken: string[] = [];
  for (const place of places) broken.push(...(await refresh(place, options)).broken);
  const first = gather(places);
  broken.push(...first.clashes);
  if (broken.length > 0 && !toleratesBroken) {
    throw new ConfigError(`ERRAND_ACTIONS: ${broken.join('\n')}`);
  }
  for (const reason of broken) log.error({ reason }, 'action_file_broken');
  await onActions(first.actions);
  return { ended: intervalMs === 0 ? Promise.resolve() : follow() };

  async function follow(): Promise<void> {
    let isPending = false;
    while (await pause(intervalMs, signal)) {
      try {
        for (const place of places) {
          const { hasChanged, broken } = await refresh(place, options);
          for (const reason of broken) log.error({ reason }, 'action_file_broken');
          isPending ||= hasChanged;
        }
        if (!isPending) continue;
        const { actions, clashes } = gather(places);
        for (const reason of clashes) log.error({ reason }, 'action_file_broken');
        await onActions(actions);
        isPending = false;
      } catch (err) {
        if (!signal.aborted) log.error({ err }, 'actions_not_followed');
      }
    }
  }
}

async function refresh(
  known: KnownPlace,
  { toleratesBroken }: FollowOptions,
): Promise<{ hasChanged: boolean; broken: string[] }> {
  const place = await findActionPlace(known.name);
  const mark = place ? await fingerprint(place) : 'absent';
  if (mark === known.mark) return { hasChanged: false, broken: [] };
  known.mark = mark;
  if (!place) {
    known.files.clear();
    return { hasChanged: true, broken: toleratesBroken ? [] : [`there is no ${known.name}`] };
  }
  const outcomes = await loadPlace(place);
  for (const file of known.files.keys()) if (!place.files.includes(file)) known.files.delete(file);
  for (const outcome of outcomes) {
    if (outcome.kind === 'loaded') known.files.set(outcome.file, outcome.actions);
  }
  return { hasChanged: true, broken: outcomes.filter(isBroken).map(({ reason }) => reason) };
}

/** All actions; of two with the same name the first. */
function gather(places: readonly KnownPlace[]): { actions: LoadedAction[]; clashes: string[] } {
  const byName = new Map<string, LoadedAction>();
  const clashes: string[] = [];
  for (const loaded of places.flatMap(({ files }) => [...files.values()].flat())) {
    const { name } = loaded.action.contract;
    const other = byName.get(name);
    if (other) clashes.push(`${loaded.file}: there is an action ${name} in ${other.file} already`);
    else byName.set(name, loaded);
  }
  return { actions: [...byName.values()], clashes };
}

function isBroken(outcome: FileOutcome): outcome is FileOutcome & { kind: 'broken' } {
  return outcome.kind === 'broken';
}

/** False once the signal has fired. */
function pause(ms: number, signal: AbortSignal): Promise<boolean> {
  if (signal.aborted) return Promise.resolve(false);
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => end(true), ms);
  const onAbort = () => end(false);
  const end = (goesOn: boolean) => {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
    resolve(goesOn);
  };
  signal.addEventListener('abort', onAbort);
  return promise;
}
