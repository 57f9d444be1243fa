import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';

export interface WaitUntilOptions {
  /** Default: 20 s, since a busy machine may stand still for some of them. */
  timeoutMs?: number;
  /** The pause between two checks. Default: 50 ms. */
  intervalMs?: number;
}

/**
 * Resolves to the first truthy value of `check`. Throws after `timeoutMs` with the last value, or the last error,
 * that was seen.
 *
 * It polls, so use it for conditions of other processes, which send no signal. Await a signal wherever there is one.
 */
export async function waitUntil<T>(
  check: () => T | Promise<T>,
  { timeoutMs = 20_000, intervalMs = 50 }: WaitUntilOptions = {},
): Promise<NonNullable<T>> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const seen = await attempt(check);
    if ('value' in seen && seen.value) return seen.value;
    if (performance.now() >= deadline) {
      const last = 'value' in seen ? inspect(seen.value, { depth: 4 }) : String(seen.error);
      throw new Error(`not so within ${timeoutMs} ms; last seen: ${last}`, {
        cause: 'error' in seen ? seen.error : undefined,
      });
    }
    await sleep(intervalMs);
  }
}

async function attempt<T>(check: () => T | Promise<T>): Promise<{ value: T } | { error: unknown }> {
  try {
    return { value: await check() };
  } catch (error) {
    return { error };
  }
}
