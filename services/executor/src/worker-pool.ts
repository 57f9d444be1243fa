import { Worker } from 'node:worker_threads';
import { type AttemptHooks, type AttemptOrder, type AttemptOutcome, failed } from '@errand/actions/execution';
import type { ModuleCode } from './module-code.ts';
import { createCallee, type FromCaller, type ToCaller } from './worker-calls.ts';

/** What a worker thread is told: run this, stop it, or what it asked for. */
export type ToWorker = { kind: 'run'; order: AttemptOrder } | { kind: 'abort' } | ToCaller;

/** What a worker thread says. */
export type FromWorker =
  | { kind: 'progress'; percent: number; message?: string }
  | { kind: 'log'; message: string; fields?: Record<string, unknown> }
  | { kind: 'outcome'; outcome: AttemptOutcome }
  | FromCaller;

export interface WorkerPool extends AsyncDisposable {
  run(order: AttemptOrder, hooks: AttemptHooks): Promise<AttemptOutcome | { kind: 'interrupted' }>;
}

/** How long an aborted action may take to return before its thread is ended under it. */
const ABORT_GRACE_MS = 1_000;

/**
 * Runs attempts in threads of their own, one at a time in each. Threads are kept for the next attempt; one that died
 * or was ended is replaced. How many there are follows from how many attempts run at once.
 */
export function createWorkerPool(code: ModuleCode, actionName: string): WorkerPool {
  const idle: Worker[] = [];
  const all = new Set<Worker>();
  const broken = new WeakSet<Worker>();

  function take(): Worker {
    const kept = idle.pop();
    if (kept) return kept;
    const worker = new Worker(new URL('./attempt-worker.ts', import.meta.url), {
      workerData: { code, actionName },
    });
    all.add(worker);
    worker.once('exit', () => {
      all.delete(worker);
      const index = idle.indexOf(worker);
      if (index >= 0) idle.splice(index, 1);
    });
    // An idle thread that dies is only replaced; one at work is heard of by its attempt.
    worker.on('error', () => broken.add(worker));
    return worker;
  }

  return {
    async run(order, hooks) {
      const worker = take();
      const outcome = await runIn({ worker, order, hooks, broken });
      // A thread that failed outside of its action is on its way out, though it may not have ended yet.
      if (outcome.kind === 'interrupted' || broken.has(worker)) await worker.terminate();
      else if (all.has(worker)) idle.push(worker);
      return outcome;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([...all].map((worker) => worker.terminate()));
    },
  };
}

function runIn(options: {
  worker: Worker;
  order: AttemptOrder;
  hooks: AttemptHooks;
  /** Told of a thread that must run nothing more. */
  broken: WeakSet<Worker>;
}): Promise<AttemptOutcome | { kind: 'interrupted' }> {
  const { worker, order, hooks, broken } = options;
  const { promise, resolve } = Promise.withResolvers<AttemptOutcome | { kind: 'interrupted' }>();
  let ending: NodeJS.Timeout | undefined;
  const callee = createCallee(hooks, (message, transfer = []) =>
    worker.postMessage(message satisfies ToWorker, transfer),
  );
  const take = (message: FromWorker) => {
    if (message.kind === 'progress') hooks.progress(message.percent, message.message);
    else if (message.kind === 'log') hooks.log(message.message, message.fields);
    else if (message.kind === 'outcome') resolve(message.outcome);
    else callee.onMessage(message);
  };
  // What an action says is anything: it must not throw here, where the whole process would end.
  const onMessage = (message: FromWorker) => {
    try {
      take(message);
    } catch (error) {
      broken.add(worker);
      onError(error);
    }
  };
  const onError = (error: unknown) =>
    resolve(failed('action_failed', undefined, error instanceof Error ? error.stack : String(error)));
  const onExit = (code: number) =>
    resolve(failed('action_failed', undefined, `the worker thread ended with code ${code}`));
  const onAbort = () => {
    worker.postMessage({ kind: 'abort' } satisfies ToWorker);
    ending = setTimeout(() => resolve({ kind: 'interrupted' }), ABORT_GRACE_MS);
  };
  worker.on('message', onMessage).once('error', onError).once('exit', onExit);
  hooks.signal.addEventListener('abort', onAbort, { once: true });
  worker.postMessage({ kind: 'run', order } satisfies ToWorker);
  return promise.finally(() => {
    clearTimeout(ending);
    callee[Symbol.dispose]();
    worker.off('message', onMessage).off('error', onError).off('exit', onExit);
    hooks.signal.removeEventListener('abort', onAbort);
  });
}
