import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from '../service/logger.ts';

/**
 * Calls at once, and again whenever `everyMs`, or as many as it says by then, have passed since the last call ended.
 * Resolves when the signal has fired and no call is under way. `onError` gets the error of a failed call.
 */
export async function repeat(
  call: () => Promise<void>,
  options: { everyMs: number | (() => number); signal: AbortSignal; onError: (error: unknown) => void },
): Promise<void> {
  const { everyMs, signal, onError } = options;
  while (!signal.aborted) {
    await call().catch(onError);
    await pause(typeof everyMs === 'number' ? everyMs : everyMs(), undefined, { signal }).catch(() => {});
  }
}

/** Repeats several calls until one signal fires, and logs failures under `failed`. */
export function createRepeats({ signal, log }: { signal: AbortSignal; log: Pick<Logger, 'error'> }) {
  return (everyMs: number, failed: string, call: () => Promise<void>): Promise<void> =>
    repeat(call, { everyMs, signal, onError: (err) => log.error({ err }, failed) });
}
