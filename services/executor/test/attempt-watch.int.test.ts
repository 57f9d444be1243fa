import { once } from 'node:events';
import { type Bus, LogUnavailable } from '@errand/bus';
import { foldJob } from '@errand/domain';
import { expect, test } from 'vitest';
import { watchAction, watchAttempt } from '../src/attempt/attempt-watch.ts';
import { createJobWriter } from '../src/attempt/job-writer.ts';
import { bus, jobs, startForFile } from './executor.ts';

startForFile();

test('a cancel whose read failed is looked at again, and stops the attempt', async () => {
  const ref = await jobs.request('wait', {}, { contractId: 'none' });
  const requested = (await bus.jobs.read(ref))[0]?.version ?? 0;
  const data = { attempt: 1, executor_id: 'here' };
  const started = await jobs.append(ref, requested, { type: 'JobStarted', data });
  const state = foldJob(await bus.jobs.read(ref));
  let failures = 2;
  const failing: Bus = {
    ...bus,
    jobs: {
      ...bus.jobs,
      read: (job) =>
        failures-- > 0 ? Promise.reject(new LogUnavailable('the log did not answer')) : bus.jobs.read(job),
    },
  };
  const { signal } = new AbortController();
  const writer = createJobWriter({
    bus: failing,
    ref,
    state,
    traceparent: () => undefined,
    now: Date.now,
    signal,
  });
  const errors: unknown[] = [];
  const watch = watchAttempt({ writer, onError: (error) => errors.push(error) });
  const unwatch = watchAction(ref.action, { bus, atWork: new Map([[ref.jobId, watch]]) });
  watch.begin(1);
  const stopped = once(watch.signal, 'abort');
  await jobs.append(ref, started, { type: 'JobCancelRequested', data: { by: 'amy' } });
  await stopped;
  expect(watch.signal.reason).toBe('canceled');
  expect(errors.length).toBe(2);
  watch.close();
  unwatch();
});

test('what was stored while the connection was lost is found once it is back', async () => {
  const ref = await jobs.request('wait', {}, { contractId: 'none' });
  const requested = (await bus.jobs.read(ref))[0]?.version ?? 0;
  const data = { attempt: 1, executor_id: 'here' };
  const started = await jobs.append(ref, requested, { type: 'JobStarted', data });
  const state = foldJob(await bus.jobs.read(ref));
  const { signal } = new AbortController();
  const writer = createJobWriter({ bus, ref, state, traceparent: () => undefined, now: Date.now, signal });
  const watch = watchAttempt({ writer, onError: () => {} });
  // A connection that hears of nothing until it is back.
  const gaps: (() => void)[] = [];
  const onStored: Bus['jobs']['onStored'] = (_filter, { onGap }) => {
    gaps.push(onGap);
    return () => {};
  };
  const deaf: Bus = { ...bus, jobs: { ...bus.jobs, onStored } };
  const unwatch = watchAction(ref.action, { bus: deaf, atWork: new Map([[ref.jobId, watch]]) });
  watch.begin(1);
  await jobs.append(ref, started, { type: 'JobCancelRequested', data: { by: 'amy' } });
  expect(watch.signal.aborted).toBe(false);
  const stopped = once(watch.signal, 'abort');
  gaps[0]?.();
  await stopped;
  expect(watch.signal.reason).toBe('canceled');
  watch.close();
  unwatch();
});
