import type { JobFact } from '@errand/contracts';
import { foldJob } from '@errand/domain';
import { waitUntil } from '@errand/testkit';
import { describe, expect, test } from 'vitest';
import {
  attemptsEnded,
  bus,
  executor,
  jobs,
  nats,
  startForFile,
  startTestExecutor,
  useExecutor,
} from './executor.ts';

const SHORT_LEASE = { ERRAND_LEASE_MS: '1000', ERRAND_EXECUTOR_FINISH_GRACE_MS: '100' };

startForFile({ executor: 'each', env: SHORT_LEASE });

const startedBy = (executor_id: string, attempt: number): JobFact => ({
  type: 'JobStarted',
  data: { attempt, executor_id },
});

/** A job that another executor has begun, before this file's own executor sees it. */
async function begunElsewhere(action: string, input: unknown, executorId: string, attempts = 1) {
  await executor[Symbol.asyncDispose]();
  const ref = await jobs.request(action, input);
  let version = (await bus.jobs.read(ref))[0]?.version ?? 0;
  for (let attempt = 1; attempt <= attempts; attempt++) {
    version = await jobs.append(ref, version, startedBy(executorId, attempt));
  }
  useExecutor(await startTestExecutor(nats.url, SHORT_LEASE));
  return { ref, version };
}

describe('a job that another executor began', () => {
  test('is run here when that executor is gone', async () => {
    const { ref } = await begunElsewhere('add', { a: 1, b: 2 }, 'gone');
    const state = await jobs.ended(ref);
    expect(state.attempt.value.number).toBe(2);
    expect(state.outcome.value.result).toEqual({ sum: 3, sum_id: 's-1' });
  });

  test('is left to it for as long as it says that it holds the job', async () => {
    const asked = Promise.withResolvers<void>();
    const stopAnswering = bus.commands.answerHolds('alive', {
      holds() {
        asked.resolve();
        return true;
      },
      onTaken() {},
    });
    const { ref } = await begunElsewhere('add', { a: 1, b: 2 }, 'alive');
    await asked.promise;
    expect(foldJob(await bus.jobs.read(ref))?.attempt.value).toMatchObject({
      number: 1,
      executorId: 'alive',
    });
    stopAnswering();
    expect((await jobs.ended(ref)).attempt.value.number).toBe(2);
  });

  test('fails once every allowed attempt was begun and none came to an end', async () => {
    const { ref } = await begunElsewhere('wait', {}, 'gone', 2);
    const state = await jobs.ended(ref);
    expect(state.outcome.value.errors).toMatchObject([{ code: 'attempts_exhausted' }]);
    expect(state.attempt.value.number).toBe(2);
  });
});

describe('a job that runs here', () => {
  const running = async (action: string) => {
    const ref = await jobs.request(action, {});
    const state = await jobs.stateWhen(ref, (each) => each.progress.value !== null);
    return { ref, version: state.version, executorId: state.attempt.value.executorId ?? '' };
  };

  test.each(['wait', 'stubborn'])(
    'is stopped, and cannot be ended, once it runs elsewhere: %s',
    async (action) => {
      const { ref, version, executorId } = await running(action);
      const next = await jobs.append(ref, version, startedBy('elsewhere', 2));
      bus.commands.tellTaken(executorId, ref.jobId);
      await waitUntil(async () => (await attemptsEnded(executor, action, 'superseded')) === 1);
      // Nothing came between: the other executor's event is still the newest.
      const data = { attempt: 2, result: {}, duration_ms: 1 };
      await jobs.append(ref, next, { type: 'JobSucceeded', data });
      expect(await jobs.typesOf(ref)).not.toContain('JobFailed');
    },
  );

  test.each(['wait', 'stubborn'])('is stopped and canceled when that is asked for: %s', async (action) => {
    const { ref, version } = await running(action);
    await jobs.append(ref, version, { type: 'JobCancelRequested', data: { by: 'amy' } });
    const state = await jobs.ended(ref);
    expect(state.phase.value.status).toBe('canceled');
    const events = (await bus.jobs.read(ref)).map(({ event }) => event);
    expect(events.find((event) => event.type === 'JobCanceled')?.data).toEqual({ by: 'amy' });
  });

  test('is stopped when it has expired', async () => {
    const { ref, version } = await running('wait');
    await jobs.append(ref, version, { type: 'JobExpired', data: { deadline: 'finish_by' } });
    await waitUntil(async () => (await attemptsEnded(executor, 'wait', 'superseded')) === 1);
    expect((await jobs.ended(ref)).phase.value.status).toBe('expired');
  });

  test('learns after a lost connection what was asked meanwhile', async () => {
    const { ref, version } = await running('wait');
    await nats.kill();
    await nats.restart();
    await jobs.append(ref, version, { type: 'JobCancelRequested', data: { by: 'amy' } });
    expect((await jobs.ended(ref)).phase.value.status).toBe('canceled');
  });

  test('is run elsewhere when its executor stops, more often than it may fail', async () => {
    // No lease runs out however busy the machine is: what is given back is not waited for.
    const longLease = { ERRAND_EXECUTOR_FINISH_GRACE_MS: '100' };
    await executor[Symbol.asyncDispose]();
    useExecutor(await startTestExecutor(nats.url, longLease));
    const { ref } = await running('wait');
    let state = foldJob(await bus.jobs.read(ref));
    for (let handOvers = 0; handOvers < 3; handOvers++) {
      const before = state?.attempt.value.executorId;
      const next = await startTestExecutor(nats.url, longLease);
      await executor[Symbol.asyncDispose]();
      useExecutor(next);
      state = await jobs.stateWhen(
        ref,
        // Its progress is the last that it writes: nothing comes between this version and the cancel.
        ({ progress, attempt }) => progress.value !== null && attempt.value.executorId !== before,
      );
      expect(state.attempt.value.number).toBe(1);
    }
    const version = state?.version ?? 0;
    await jobs.append(ref, version, { type: 'JobCancelRequested', data: { by: 'test' } });
    expect((await jobs.ended(ref)).phase.value.status).toBe('canceled');
  });
});

test('a job of which cancel was asked while its executor died is canceled, not run again', async () => {
  await executor[Symbol.asyncDispose]();
  const ref = await jobs.request('wait', {});
  const requested = (await bus.jobs.read(ref))[0]?.version ?? 0;
  const begun = await jobs.append(ref, requested, startedBy('gone', 1));
  await jobs.append(ref, begun, { type: 'JobCancelRequested', data: { by: 'amy' } });
  useExecutor(await startTestExecutor(nats.url, SHORT_LEASE));
  const state = await jobs.ended(ref);
  expect(state.phase.value.status).toBe('canceled');
  expect(state.attempt.value.number).toBe(1);
});

test('a job that has ended before its request is seen is left as it is', async () => {
  await executor[Symbol.asyncDispose]();
  const ref = await jobs.request('add', { a: 1, b: 1 });
  const version = (await bus.jobs.read(ref))[0]?.version ?? 0;
  await jobs.append(ref, version, { type: 'JobCanceled', data: { by: 'test' } });
  useExecutor(await startTestExecutor(nats.url, SHORT_LEASE));
  await jobs.ended(await jobs.request('add', { a: 1, b: 2 }));
  expect(await jobs.typesOf(ref)).toEqual(['JobRequested', 'JobCanceled']);
});
