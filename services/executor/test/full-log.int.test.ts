import { connectionOf } from '@errand/bus/testing';
import { foldJob } from '@errand/domain';
import { waitUntil } from '@errand/testkit';
import { expect, test } from 'vitest';
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

startForFile({ executor: 'each', env: { ERRAND_EXECUTOR_FINISH_GRACE_MS: '100' } });

/** Sets how much the log may hold; less than it holds means that it takes nothing more. */
async function resizeLog(maxBytes: number): Promise<void> {
  const info = await connectionOf(bus).request('$JS.API.STREAM.INFO.JOBS');
  const { config } = info.json<{ config: object }>();
  const answer = await connectionOf(bus).request(
    '$JS.API.STREAM.UPDATE.JOBS',
    JSON.stringify({ ...config, max_bytes: maxBytes }),
  );
  expect(answer.json()).not.toHaveProperty('error');
}

/** A job whose attempt times out while the log takes nothing. */
async function endedInVain() {
  const ref = await jobs.request('linger', {});
  await jobs.stateWhen(ref, (state) => state.phase.value.status === 'running');
  await resizeLog(1);
  await waitUntil(async () => (await attemptsEnded(executor, 'linger', 'timed_out')) === 1);
  expect(foldJob(await bus.jobs.read(ref))?.phase.value.status).toBe('running');
  return ref;
}

test('an ending that a full log refuses is written once there is room', async () => {
  const ref = await endedInVain();
  await resizeLog(10_000_000);
  const state = await jobs.ended(ref);
  expect(state.attempt.value.number).toBe(1);
  expect(state.outcome.value.errors).toMatchObject([{ code: 'timed_out' }]);
});

test('a job whose ending a full log refused until its executor stopped is ended by the next one', async () => {
  const ref = await endedInVain();
  await executor[Symbol.asyncDispose]();
  useExecutor(await startTestExecutor(nats.url));
  await resizeLog(10_000_000);
  const state = await jobs.ended(ref);
  expect(state.phase.value.status).toBe('failed');
});

test('a log with little room left gets starts and endings only, and large results lie apart', async () => {
  await resizeLog(100_000_000);
  const before = await jobs.request('report', { bytes: 5_000, refused: false });
  expect((await jobs.ended(before)).outcome.value.resultRef).toBeUndefined();
  expect(await jobs.typesOf(before)).toContain('JobProgressed');
  // Of an action that nobody serves.
  for (let count = 0; count < 5; count++) {
    await jobs.request('unserved', { filling: 'x'.repeat(200_000) }, { contractId: 'none' });
  }
  const { bytes } = await bus.jobs.readFill();
  await resizeLog(Math.ceil(bytes / 0.85));
  await waitUntil(async () => {
    const asked = await jobs.request('report', { bytes: 5_000, refused: false });
    const { outcome } = await jobs.ended(asked);
    return outcome.value.resultRef;
  });
  const ref = await jobs.request('report', { bytes: 5_000, refused: false });
  expect((await jobs.ended(ref)).outcome.value.resultRef).toBeDefined();
  expect(await jobs.typesOf(ref)).toEqual(['JobRequested', 'JobStarted', 'JobSucceeded']);
  const failed = await jobs.ended(await jobs.request('report', { bytes: 5_000, refused: true }));
  expect(failed.outcome.value.errors).toMatchObject([{ code: 'refused', message: 'm' }]);
  expect(failed.outcome.value.errors[0]).not.toHaveProperty('details');
});

test('a result that a log has no room for lies apart, and the job ends', async () => {
  // Nearly empty, so that nobody thinks of it before.
  await connectionOf(bus).request('$JS.API.STREAM.PURGE.JOBS', '{}');
  await resizeLog(150_000);
  const ref = await jobs.request('report', { bytes: 200_000, refused: false });
  const state = await jobs.ended(ref);
  expect([state.phase.value.status, state.outcome.value.resultRef?.bytes]).toEqual(['succeeded', 200_011]);
  const refused = await jobs.ended(await jobs.request('report', { bytes: 200_000, refused: true }));
  expect(refused.outcome.value.errors).toEqual([{ code: 'refused', message: 'm' }]);
});
