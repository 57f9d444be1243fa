/* BullMQ's side of the comparison: a worker whose jobs do nothing, on the Redis at the given port. */
import { Worker } from 'bullmq';

const worker = new Worker('noop', async () => ({}), {
  connection: { host: '127.0.0.1', port: Number(process.argv[2]), maxRetriesPerRequest: null },
  concurrency: 4,
});
await worker.waitUntilReady();
process.send?.('ready');
process.once('SIGTERM', async () => {
  await worker.close();
  process.exit(0);
});
