import { Logger, makeWorkerUtils, run } from 'graphile-worker';
import { CONCURRENCY, type Rival } from './rival.ts';
import { createTeller, listenForEnds } from './wait-in-postgres.ts';

const logger = new Logger(() => () => {});

export const rival: Rival = {
  async connect(connectionString) {
    const utils = await makeWorkerUtils({ connectionString, logger });
    await utils.migrate();
    const ended = await listenForEnds(connectionString);
    return {
      run: async () => void (await utils.addJob('noop', {})),
      runAndWait: async () => ended((await utils.addJob('noop', { tell: true })).id),
    };
  },
  async work(connectionString, onEnded) {
    const tell = createTeller(connectionString);
    const { events } = await run({
      connectionString,
      logger,
      concurrency: CONCURRENCY,
      maxPoolSize: CONCURRENCY,
      noHandleSignals: true,
      taskList: { noop: async () => {} },
    });
    events.on('job:complete', ({ job }) => {
      onEnded();
      const { tell: isAwaited } = job.payload as { tell?: true };
      if (isAwaited) void tell(job.id);
    });
  },
};
