import { setImmediate } from 'node:timers/promises';

/** How long one request may keep the process from all others. */
const MAX_STRETCH_MS = 20;

/** For long loops: resolves once other requests had their turn, at once if this one had the process for a moment only. */
export function createBreather(): () => Promise<void> {
  let since = performance.now();
  return async () => {
    if (performance.now() - since < MAX_STRETCH_MS) return;
    await setImmediate();
    since = performance.now();
  };
}
