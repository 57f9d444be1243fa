import type { Action } from '@errand/actions';
import {
  type AttemptHooks,
  type AttemptOrder,
  type AttemptOutcome,
  executeAttempt,
  failed,
} from '@errand/actions/execution';
import type { ModuleCode } from './module-code.ts';
import { createWorkerPool } from './worker-pool.ts';

/** Runs attempts of one action, here or in worker threads. */
export interface AttemptRunner extends AsyncDisposable {
  /** Settles at the latest when the action's timeout is over or the hooks' signal has fired. Never throws. */
  run(order: AttemptOrder, hooks: AttemptHooks): Promise<AttemptOutcome | { kind: 'interrupted' }>;
}

/** `code` is for an action that wants threads. */
export function createAttemptRunner(action: Action, code: ModuleCode | undefined): AttemptRunner {
  const pool = action.thread === 'worker' && code ? createWorkerPool(code, action.contract.name) : undefined;
  const { timeout_ms } = action.contract;
  return {
    async run(order, hooks) {
      // One controller and one timer, both let go at the end: a composite signal would be kept until its timeout.
      const stop = new AbortController();
      const interrupted = Promise.withResolvers<{ kind: 'interrupted' }>();
      let isTimedOut = false;
      const onStop = () => {
        stop.abort(hooks.signal.reason);
        interrupted.resolve({ kind: 'interrupted' });
      };
      const timer = setTimeout(() => {
        isTimedOut = !hooks.signal.aborted;
        onStop();
      }, timeout_ms);
      hooks.signal.addEventListener('abort', onStop, { once: true });
      if (hooks.signal.aborted) onStop();
      try {
        const own = { ...hooks, signal: stop.signal };
        const work = pool ? pool.run(order, own) : executeAttempt(action, order, own);
        // An action that ignores its signal is left behind; its outcome interests nobody any more.
        const outcome = await Promise.race([work, interrupted.promise]);
        return outcome.kind === 'interrupted' && isTimedOut ? failed('timed_out') : outcome;
      } finally {
        clearTimeout(timer);
        hooks.signal.removeEventListener('abort', onStop);
      }
    },
    async [Symbol.asyncDispose]() {
      await pool?.[Symbol.asyncDispose]();
    },
  };
}
