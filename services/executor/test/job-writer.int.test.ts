import { type Bus, LogUnavailable } from '@errand/bus';
import { foldJob } from '@errand/domain';
import { startTestNats, type TestNats } from '@errand/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createJobWriter } from '../src/attempt/job-writer.ts';
import { openExecutorTestBus, type TestJobs, testJobs } from './executor.ts';

let nats: TestNats;
let bus: Bus;
let jobs: TestJobs;
beforeAll(async () => {
  nats = await startTestNats();
  bus = await openExecutorTestBus(nats.url);
  jobs = testJobs(bus);
});
afterAll(async () => {
  await bus?.[Symbol.asyncDispose]();
  await nats?.[Symbol.asyncDispose]();
});

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
    traceparent: undefined,
    now: Date.now,
    signal: new AbortController().signal,
  });
  const start = await writer.writeOnce({ type: 'startAttempt', executorId: 'here', maxAttempts: 1 });
  expect(start).toMatchObject({ kind: 'written', recorded: { event: { data: { attempt: 1 } } } });
  expect(foldJob(await bus.jobs.read(ref))?.version).toBe(writer.state()?.version);
});
