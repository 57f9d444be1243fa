import { setTimeout as pause } from 'node:timers/promises';
import type { OrderedReadOptions } from './options.ts';

const MAX_RETRY_PAUSE_MS = 5_000;

/** Makes a call until it succeeds, at growing intervals; undefined once the signal has fired. */
export async function persist<T>(
  call: () => Promise<T>,
  { signal, onError }: Pick<OrderedReadOptions, 'signal' | 'onError'>,
): Promise<T | undefined> {
  for (let tries = 0; !signal.aborted; tries++) {
    try {
      return await call();
    } catch (error) {
      onError(error);
      await pause(Math.min(MAX_RETRY_PAUSE_MS, 100 * 2 ** tries), undefined, { signal }).catch(() => {});
    }
  }
  return undefined;
}
