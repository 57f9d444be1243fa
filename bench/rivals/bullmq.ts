import { Queue, QueueEvents, Worker } from 'bullmq';
import { CONCURRENCY, type Rival } from './rival.ts';

const GIVE_UP_MS = 10_000;

export const rival: Rival = {
  async connect(url) {
    const connection = { url, maxRetriesPerRequest: null };
    const queue = new Queue('noop', { connection });
    const events = new QueueEvents('noop', { connection });
    await events.waitUntilReady();
    return {
      run: async () => void (await queue.add('noop', {})),
      runAndWait: async () =>
        void (await (await queue.add('noop', {})).waitUntilFinished(events, GIVE_UP_MS)),
    };
  },
  async work(url, onEnded) {
    const worker = new Worker('noop', async () => ({}), {
      connection: { url, maxRetriesPerRequest: null },
      concurrency: CONCURRENCY,
    });
    worker.on('completed', onEnded);
    await worker.waitUntilReady();
  },
};
