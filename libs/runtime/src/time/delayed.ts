import { setTimeout as pause } from 'node:timers/promises';

/**
 * Makes a call some time after it was asked for, once for all that ask until then, and never twice at the same time. A call
 * that failed is made again after the same time, until the signal fires.
 */
export function createDelayed(
  call: () => Promise<void>,
  options: { afterMs: number; signal: AbortSignal; onError: (error: unknown) => void },
): () => void {
  const { afterMs, signal, onError } = options;
  let isAsked = false;
  let isAtWork = false;
  async function work(): Promise<void> {
    isAtWork = true;
    while (isAsked) {
      await pause(afterMs, undefined, { signal }).catch(() => {});
      if (signal.aborted) return;
      isAsked = false;
      await call().catch((error) => {
        onError(error);
        isAsked = true;
      });
    }
    isAtWork = false;
  }
  return () => {
    isAsked = true;
    if (!isAtWork) void work();
  };
}
