import { PgBoss } from 'pg-boss';
import { CONCURRENCY, type Rival } from './rival.ts';
import { createTeller, listenForEnds } from './wait-in-postgres.ts';

const QUEUE = 'noop';

async function open(connectionString: string): Promise<PgBoss> {
  const boss = new PgBoss({ connectionString, useListenNotify: true });
  boss.on('error', (error) => console.error(error));
  await boss.start();
  await boss.createQueue(QUEUE, { notify: true });
  return boss;
}

export const rival: Rival = {
  async connect(url) {
    const boss = await open(url);
    const ended = await listenForEnds(url);
    return {
      run: async () => void (await boss.send(QUEUE, {})),
      runAndWait: async () => ended(String(await boss.send(QUEUE, { tell: true }))),
    };
  },
  /** Takes its concurrency as a batch, which it is at its fastest with. What is told to waiters is its handler's end. */
  async work(url, onEnded) {
    const boss = await open(url);
    const tell = createTeller(url);
    const options = { batchSize: CONCURRENCY, burstWhenBatchFull: true };
    await boss.work<{ tell?: true }>(QUEUE, options, async (jobs) => {
      for (const { id, data } of jobs) {
        onEnded();
        if (data.tell) await tell(id);
      }
    });
  },
};
