import { fork } from 'node:child_process';
import { once } from 'node:events';
import { Queue, QueueEvents } from 'bullmq';
import { killWithThisProcess, stopProcess } from '../harness/bench-system.ts';

const GIVE_UP_MS = 10_000;

export interface BullmqJobs extends AsyncDisposable {
  /** Adds one job and resolves when its worker, a separate process, has completed it. */
  run(): Promise<void>;
}

export async function startBullmqJobs(port: number): Promise<BullmqJobs> {
  await using resources = new AsyncDisposableStack();
  const worker = fork(new URL('./bullmq-worker.ts', import.meta.url), [String(port)]);
  killWithThisProcess(worker);
  resources.defer(() => stopProcess(worker));
  const ended = once(worker, 'exit').then(() => {
    throw new Error("BullMQ's worker ended before it was ready");
  });
  await Promise.race([once(worker, 'message'), ended]);
  ended.catch(() => {});
  const connection = { host: '127.0.0.1', port, maxRetriesPerRequest: null };
  const queue = new Queue('noop', { connection });
  resources.defer(() => queue.close());
  const events = new QueueEvents('noop', { connection });
  resources.defer(() => events.close());
  await events.waitUntilReady();
  const started = resources.move();
  return {
    async run() {
      const job = await queue.add('noop', {});
      await job.waitUntilFinished(events, GIVE_UP_MS);
    },
    [Symbol.asyncDispose]: () => started[Symbol.asyncDispose](),
  };
}
