import { setTimeout as pause } from 'node:timers/promises';
import { ConfigError, type Logger } from '@errand/runtime';
import { knownPlaces, type PlaceOptions } from './known-places.ts';
import type { LoadedAction } from './load-actions.ts';

export interface FollowOptions extends PlaceOptions {
  /** What the configuration names. */
  places: readonly string[];
  /** How often files are looked at for changes; 0 never. */
  intervalMs: number;
  log: Logger;
  /** Told all actions there are, at first and after each change. Called again later when it throws. */
  onActions: (actions: readonly LoadedAction[]) => Promise<void>;
}

/**
 * Loads the actions that a configuration names and follows their files until the signal: a file that changed is loaded
 * anew; one that is broken is reported, and its last good version stays. Resolves when the first actions are on.
 * @throws ConfigError when something is broken at first, unless that is tolerated; the signal's reason.
 */
export async function followActions(options: FollowOptions): Promise<{ ended: Promise<void> }> {
  const { log, onActions, intervalMs, signal, toleratesBroken } = options;
  const places = knownPlaces(options.places, options);
  const tell = (broken: readonly string[]) => {
    for (const reason of broken) log.error({ reason }, 'action_file_broken');
  };
  const tellUnread = (unread: readonly string[]) => {
    for (const reason of unread) log.warn({ reason }, 'action_file_not_read');
  };
  const first = await places.look();
  tellUnread(first.unread);
  if (first.broken.length > 0 && !toleratesBroken) {
    throw new ConfigError(`ERRAND_ACTIONS: ${first.broken.join('\n')}`);
  }
  tell(first.broken);
  await onActions(first.actions);
  return { ended: intervalMs === 0 ? Promise.resolve() : follow() };

  async function follow(): Promise<void> {
    let isPending = false;
    let wasBroken = first.broken.length > 0;
    let told = '';
    for (;;) {
      await pause(intervalMs, undefined, { signal }).catch(() => {});
      if (signal.aborted) return;
      try {
        const { hasChanged, broken, unread, actions } = await places.look();
        tell(broken);
        tellUnread(unread);
        if (hasChanged && wasBroken && broken.length === 0) log.info('action_files_mended');
        if (hasChanged || broken.length > 0) wasBroken = broken.length > 0;
        isPending ||= hasChanged;
        if (!isPending) continue;
        await onActions(actions);
        isPending = false;
        told = '';
      } catch (err) {
        // It is tried again each time.
        if (signal.aborted || told === String(err)) continue;
        told = String(err);
        log.error({ err }, 'actions_not_followed');
      }
    }
  }
}
