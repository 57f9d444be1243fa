import { setTimeout as pause } from 'node:timers/promises';
import { JetStreamApiError, type JetStreamManagerOptions } from '@nats-io/jetstream';
import { isForbidden } from '../errors.ts';

const SHORTEST_TIMEOUT_MS = 1_000;
const GIVE_UP_MS = 60_000;
const PAUSE_MS = 250;
/** The status of answers that say only that there is no leader, or not yet. */
const UNAVAILABLE = 503;

/**
 * Repeats a call of JetStream's API until it is answered, for a minute or so. A call during an election is never
 * answered, so it is soon repeated; each timeout is half of the time spent so far, since a wide consumer over a long
 * stream takes the server long to create. The call must be safe to repeat.
 * @throws the server's answer, if that is an error; the last failure if none came in time
 */
export async function askPatiently<T>(
  call: (options: JetStreamManagerOptions) => Promise<T>,
  /** Stops the retries. */
  signal?: AbortSignal,
): Promise<T> {
  const beganAt = performance.now();
  for (;;) {
    const soFarMs = performance.now() - beganAt;
    try {
      return await call({ checkAPI: false, timeout: Math.max(SHORTEST_TIMEOUT_MS, Math.round(soFarMs / 2)) });
    } catch (error) {
      const isAnswer =
        isForbidden(error) || (error instanceof JetStreamApiError && error.status !== UNAVAILABLE);
      if (isAnswer || soFarMs > GIVE_UP_MS || signal?.aborted) throw error;
      await pause(PAUSE_MS);
    }
  }
}
