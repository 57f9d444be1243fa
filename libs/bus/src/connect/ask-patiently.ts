import { setTimeout as pause } from 'node:timers/promises';
import { JetStreamApiError, type JetStreamManagerOptions } from '@nats-io/jetstream';

const SHORTEST_TIMEOUT_MS = 1_000;
const GIVE_UP_MS = 60_000;
const PAUSE_MS = 250;
/** The status of answers that only say that there is no leader, or not yet. */
const UNAVAILABLE = 503;

/**
 * Makes a call of JetStream's API until it is answered, for a minute or so. What meets an election is never answered,
 * so the call is made anew soon; and each time with half the patience of all the time so far, since a wide consumer
 * over a long stream takes the server long to make. The call must do no harm when it is made twice.
 * @throws the server's answer, if that is an error; the last failure when there was none in time
 */
export async function askPatiently<T>(
  call: (options: JetStreamManagerOptions) => Promise<T>,
  /** Ends the patience. */
  signal?: AbortSignal,
): Promise<T> {
  const beganAt = performance.now();
  for (;;) {
    const soFarMs = performance.now() - beganAt;
    try {
      return await call({ checkAPI: false, timeout: Math.max(SHORTEST_TIMEOUT_MS, Math.round(soFarMs / 2)) });
    } catch (error) {
      const isAnswer = error instanceof JetStreamApiError && error.status !== UNAVAILABLE;
      if (isAnswer || soFarMs > GIVE_UP_MS || signal?.aborted) throw error;
      await pause(PAUSE_MS);
    }
  }
}
