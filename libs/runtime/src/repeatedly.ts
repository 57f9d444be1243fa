/**
 * Calls at once and then again each time `intervalMs` have passed since the last call ended. Resolves when the signal
 * has fired and no call is under way. The call must not throw.
 */
export async function repeatedly(
  intervalMs: number,
  signal: AbortSignal,
  call: () => Promise<void>,
): Promise<void> {
  while (!signal.aborted) {
    await call();
    await new Promise<void>((resolve) => {
      const done = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, intervalMs);
      signal.addEventListener('abort', done, { once: true });
      if (signal.aborted) done();
    });
  }
}
