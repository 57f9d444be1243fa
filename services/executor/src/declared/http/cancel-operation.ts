import { setTimeout as pause } from 'node:timers/promises';
import type { BegunAttempt } from '@errand/actions/execution';
import type { HttpCall } from '../declaration.ts';
import { discard, isPassing, isSuccess, type Send } from './http-exchange.ts';

const CANCEL_MS = 10_000;
const CANCEL_TRIES = 3;
const CANCEL_PAUSE_MS = 500;

/**
 * Asks an endpoint to cancel an operation, up to three times.
 * @throws what the last try failed with, unless the endpoint has refused for good
 */
export async function cancelPatiently(
  { call, send }: { call: HttpCall; send: Send },
  attempt: BegunAttempt,
  { method, url }: { method: 'DELETE' | 'POST' | 'PUT' | 'PATCH'; url: string },
): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      const signal = AbortSignal.any([attempt.signal, AbortSignal.timeout(CANCEL_MS)]);
      const answer = await send(attempt, { method, url, signal });
      discard(answer);
      const { statusCode: status } = answer;
      if (!isSuccess(answer)) attempt.log('operation_cancel_refused', { status });
      if (!isPassing(status, call)) return;
      throw new Error(`the endpoint answered ${status}`);
    } catch (error) {
      if (tries === CANCEL_TRIES || attempt.signal.aborted) throw error;
      await pause(CANCEL_PAUSE_MS, undefined, { signal: attempt.signal });
    }
  }
}
