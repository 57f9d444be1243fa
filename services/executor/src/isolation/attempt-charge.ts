import { AsyncLocalStorage } from 'node:async_hooks';
import { type AttemptHooks, type AttemptOutcome, causeOf, failed } from '@errand/actions/execution';

/*
 * Who is charged with an error that nobody caught:
 *
 *   it was thrown, or a promise rejected, in the context of …     charged is
 *   an attempt at work                                            that attempt, which fails
 *   an attempt that is over, or none                              nobody
 *   whatever, as the 'error' event of an emitter                  nobody
 *
 * Handlers of uncaughtException and unhandledRejection run in the context of what threw: that of who set the timer,
 * made the promise, or called what calls back. Sockets throw in the context of who made them, and may be shared.
 */

export interface AttemptCharge extends Disposable {
  /** Runs the attempt itself. */
  run<T>(work: () => T): T;
  /** The hooks, for the attempt to call. What they do is no part of the attempt. */
  readonly hooks: AttemptHooks;
  /** Resolves when the attempt is charged with an error. */
  readonly failed: Promise<AttemptOutcome>;
}

interface OpenAttempt {
  readonly jobId: string;
  fail: ((error: unknown) => void) | undefined;
}

const attempts = new AsyncLocalStorage<OpenAttempt>();

/** Lets an attempt be charged with the errors that it leaves behind, until it is disposed of. */
export function openCharge(jobId: string, hooks: AttemptHooks): AttemptCharge {
  const { promise, resolve } = Promise.withResolvers<AttemptOutcome>();
  const open: OpenAttempt = {
    jobId,
    fail: (error) => resolve(failed('action_failed', undefined, causeOf(error))),
  };
  const outside = AsyncLocalStorage.snapshot();
  return {
    run: (work) => attempts.run(open, work),
    hooks: {
      signal: hooks.signal,
      progress: (...words) => outside(() => hooks.progress(...words)),
      log: (...words) => outside(() => hooks.log(...words)),
      output: (json) => outside(() => hooks.output(json)),
      saveResult: (file) => outside(() => hooks.saveResult(file)),
      readResult: (otherId) => outside(() => hooks.readResult(otherId)),
      callbackUrl: () => outside(() => hooks.callbackUrl()),
    },
    failed: promise,
    [Symbol.dispose]() {
      open.fail = undefined;
    },
  };
}

/** Fails the attempt in whose context this is called. False where nobody is to be charged. */
export function chargeAttempt(error: unknown): boolean {
  const fail = attempts.getStore()?.fail;
  if (!fail || isErrorEvent(error)) return false;
  fail(error);
  return true;
}

/** The job in whose context this is called, at work or not. */
export function jobInContext(): string | undefined {
  return attempts.getStore()?.jobId;
}

/** Node marks the errors that it throws since nobody listens to an emitter's `error`; it wraps what is no Error. */
function isErrorEvent(error: unknown): boolean {
  try {
    if (typeof error !== 'object' || error === null) return false;
    if ((error as NodeJS.ErrnoException).code === 'ERR_UNHANDLED_ERROR') return true;
    const marks = Object.getOwnPropertySymbols(error).map(({ description }) => description);
    return marks.includes('kEnhanceStackBeforeInspector');
  } catch {
    // A proxy that lets nobody look at it.
    return false;
  }
}
