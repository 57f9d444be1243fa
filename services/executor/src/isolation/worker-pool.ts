import { getHeapStatistics } from 'node:v8';
import { Worker } from 'node:worker_threads';
import type { AttemptHooks, AttemptOrder } from '@errand/actions/execution';
import type { ModuleCode } from '../loading/module-code.ts';
import { type AttemptPort, type FromWorker, type PortOutcome, runOverPort } from './attempt-port.ts';
import { entryFile } from './entry-file.ts';
import type { OnStray } from './guard-process.ts';

export interface WorkerPool extends AsyncDisposable {
  run(order: AttemptOrder, hooks: AttemptHooks): Promise<PortOutcome>;
}

/**
 * Runs attempts in threads of their own, one at a time in each. Threads are kept for the next attempt; one that died
 * or was ended is replaced. How many there are follows from how many attempts run at once.
 */
export function createWorkerPool(code: ModuleCode, actionName: string, onStray: OnStray): WorkerPool {
  const idle: Worker[] = [];
  const all = new Set<Worker>();
  const broken = new WeakSet<Worker>();

  function take(): Worker {
    const kept = idle.pop();
    if (kept) return kept;
    const worker = new Worker(entryFile('attempt-worker'), {
      workerData: { code, actionName },
      // What --max-old-space-size says of the process, a thread does not know by itself.
      resourceLimits: { maxOldGenerationSizeMb: Math.floor(getHeapStatistics().heap_size_limit / 2 ** 20) },
    });
    all.add(worker);
    worker.once('exit', () => {
      all.delete(worker);
      const index = idle.indexOf(worker);
      if (index >= 0) idle.splice(index, 1);
    });
    // An idle thread that dies is only replaced; one at work is heard of by its attempt.
    worker.on('error', () => broken.add(worker));
    worker.on('message', (message: FromWorker) => {
      if (message.kind === 'stray') onStray(message);
    });
    return worker;
  }

  return {
    async run(order, hooks) {
      const worker = take();
      const port = portOf(worker, () => broken.add(worker));
      const outcome = await runOverPort(port, { order, hooks });
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

function portOf(worker: Worker, markBroken: () => void): AttemptPort {
  return {
    post: (message, transfer = []) => worker.postMessage(message, transfer),
    listen({ onMessage, onGone }) {
      const onError = (error: unknown) =>
        onGone(error instanceof Error ? String(error.stack) : String(error));
      const onExit = (code: number) => onGone(`the worker thread ended with code ${code}`);
      worker.on('message', onMessage).once('error', onError).once('exit', onExit);
      return () => worker.off('message', onMessage).off('error', onError).off('exit', onExit);
    },
    markBroken,
  };
}
