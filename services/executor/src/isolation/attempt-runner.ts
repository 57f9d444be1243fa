import type { Action } from '@errand/actions';
import {
  type AttemptHooks,
  type AttemptOrder,
  type AttemptOutcome,
  executeAttempt,
  failed,
} from '@errand/actions/execution';
import type { ModuleCode } from '../loading/module-code.ts';
import { openCharge } from './attempt-charge.ts';
import type { OnStray } from './guard-process.ts';
import { type AttemptProcess, createAttemptProcesses, type IsolatedCode } from './start-attempt-process.ts';
import { createWorkerPool } from './worker-pool.ts';

/** Runs attempts of one action: here, in worker threads, or each in a process of its own. */
export interface AttemptRunner extends AsyncDisposable {
  /**
   * Whether an attempt is to run alone in a process: its job has lost an executor before, or the action may be what an
   * executor died of.
   */
  isolates(job: { isTakeover: boolean; wasIsolated: boolean }): Promise<boolean>;
  /** Settles at the latest when the action's timeout is over or the hooks' signal has fired. Never throws. */
  run(
    order: AttemptOrder,
    hooks: AttemptHooks,
    isolated?: boolean,
  ): Promise<AttemptOutcome | { kind: 'interrupted' }>;
}

export interface RunnerOptions {
  /** For an action that wants threads. */
  readonly code?: ModuleCode | undefined;
  /** Absent where no other process can get at the action. */
  readonly isolatedCode?: IsolatedCode | undefined;
  /** Whether an executor has died with this action at work. */
  readonly isSuspect?: Promise<boolean>;
  readonly onStray: OnStray;
}

/**
 * How many attempts in isolation have to end by themselves before an action that was at work when an executor died is
 * taken for a bystander: few enough to be over soon, as each costs the start of a process.
 */
const TRUSTED_AFTER = 5;

export function createAttemptRunner(action: Action, options: RunnerOptions): AttemptRunner {
  const { code, isolatedCode, onStray } = options;
  const { name, timeout_ms } = action.contract;
  const pool = action.thread === 'worker' && code ? createWorkerPool(code, name, onStray) : undefined;
  const isolation = isolatedCode ? createAttemptProcesses(isolatedCode, name, onStray) : undefined;
  /** How many attempts in isolation have to end by themselves; for ever, once one took its process down. */
  let unproven = 0;
  const suspected = options.isSuspect?.then((isSuspect) => {
    if (isSuspect) unproven = TRUSTED_AFTER;
  });

  async function runHere(order: AttemptOrder, hooks: AttemptHooks, stop: AbortController) {
    if (pool) return pool.run(order, hooks);
    using charge = openCharge(order.jobId, hooks);
    // An attempt that is over is charged with nothing more, and one that is charged is over.
    stop.signal.addEventListener('abort', () => charge[Symbol.dispose](), { once: true });
    void charge.failed.then(() => stop.abort());
    const work = charge.run(() => executeAttempt(action, order, charge.hooks));
    return await Promise.race([work, charge.failed]);
  }

  async function runIn(child: AttemptProcess, order: AttemptOrder, hooks: AttemptHooks) {
    const outcome = await child.run(order, hooks);
    if (child.hasDied()) unproven = Number.POSITIVE_INFINITY;
    else if (outcome.kind !== 'interrupted') unproven = Math.max(0, unproven - 1);
    return outcome;
  }

  return {
    async isolates({ isTakeover, wasIsolated }) {
      await suspected;
      if (isTakeover) unproven = Math.max(unproven, TRUSTED_AFTER);
      return isolation !== undefined && (wasIsolated || unproven > 0);
    },
    async run(order, hooks, isolated = false) {
      // Starting a process is no part of the attempt's time.
      const child = isolated ? await isolation?.start(hooks.signal) : undefined;
      if (isolated && !child) {
        if (hooks.signal.aborted) return { kind: 'interrupted' };
        onStray({ cause: 'the process for an isolated attempt did not start', jobId: order.jobId });
      }
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
        const work = child ? runIn(child, order, own) : runHere(order, own, stop);
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
      await isolation?.[Symbol.asyncDispose]();
    },
  };
}
