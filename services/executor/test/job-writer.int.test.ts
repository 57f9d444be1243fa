import { type Bus, LogUnavailable } from '@errand/bus';
import { foldJob } from '@errand/domain';
import { expect, test } from 'vitest';
import { createJobWriter } from '../src/attempt/job-writer.ts';
import { bus, jobs, startForFile } from './executor.ts';

startForFile();

test('an attempt whose start was stored and not acknowledged is begun, and no other one', async () => {
  const ref = await jobs.request('add', { a: 1, b: 2 }, { contractId: 'none' });
  let losses = 2;
  const deaf: Bus = {
    ...bus,
    jobs: {
      ...bus.jobs,
      async append(request) {
        const outcome = await bus.jobs.append(request);
        if (losses-- > 0) throw new LogUnavailable('no acknowledgement');
        return outcome;
      },
    },
  };
  const writer = createJobWriter({
    bus: deaf,
    ref,
    state: foldJob(await bus.jobs.read(ref)),
    traceparent: () => undefined,
    now: Date.now,
    signal: new AbortController().signal,
  });
  const start = await writer.writeOnce({ type: 'startAttempt', executorId: 'here', maxAttempts: 1 });
  expect(start).toMatchObject({ kind: 'written', recorded: { event: { data: { attempt: 1 } } } });
  expect(foldJob(await bus.jobs.read(ref))?.version).toBe(writer.state()?.version);
});
