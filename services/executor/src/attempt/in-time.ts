/** Something took longer than it may. It may still come to an end, which interests nobody any more. */
export class NotInTime extends Error {
  override name = 'NotInTime';
  readonly code = 'not_in_time';
  readonly retryable = false;
}

/**
 * Resolves to what a call resolves to, if it does before the limit and the signal.
 * @throws NotInTime; the signal's reason
 */
export async function inTime<T>(
  call: () => Promise<T>,
  { loadLimitMs, signal }: { loadLimitMs: number; signal: AbortSignal },
): Promise<T> {
  signal.throwIfAborted();
  const { promise: over, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => reject(new NotInTime(`has not finished loading after ${loadLimitMs / 1_000} s`)),
    loadLimitMs,
  );
  const onAbort = () => reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([call(), over]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
  }
}
