import type { Action } from '@errand/actions';
import {
  type AttemptHooks,
  type AttemptOrder,
  type AttemptOutcome,
  executeAttempt,
  failed,
} from './execute-attempt.ts';
import { createWorkerPool } from './worker-pool.ts';

/** Runs attempts of one action, here or in worker threads. */
export interface AttemptRunner extends AsyncDisposable {
  /** Settles at the latest when the action's timeout is over or the hooks' signal has fired. Never throws. */
  run(order: AttemptOrder, hooks: AttemptHooks): Promise<AttemptOutcome | { kind: 'interrupted' }>;
}

export function createAttemptRunner(action: Action, moduleUrl: string): AttemptRunner {
  const pool = action.thread === 'worker' ? createWorkerPool(moduleUrl, action.contract.name) : undefined;
  const { timeout_ms } = action.contract;
  return {
    async run(order, hooks) {
      const timeout = AbortSignal.timeout(timeout_ms);
      const signal = AbortSignal.any([hooks.signal, timeout]);
      const work = pool
        ? pool.run(order, { ...hooks, signal })
        : executeAttempt(action, order, { ...hooks, signal });
      // An action that ignores its signal is left behind; its outcome interests nobody any more.
      const outcome = await Promise.race([work, fired(signal)]);
      if (outcome.kind !== 'interrupted') return outcome;
      return timeout.aborted && !hooks.signal.aborted ? failed('timed_out') : outcome;
    },
    async [Symbol.asyncDispose]() {
      await pool?.[Symbol.asyncDispose]();
    },
  };
}

function fired(signal: AbortSignal): Promise<{ kind: 'interrupted' }> {
  return new Promise((resolve) => {
    const onAbort = () => resolve({ kind: 'interrupted' });
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
}
