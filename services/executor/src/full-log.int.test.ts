import type { Bus } from '@errand/bus';
import { foldJob } from '@errand/domain';
import { startTestNats, type TestNats, waitUntil } from '@errand/testkit';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import {
  attemptsEnded,
  openExecutorTestBus,
  startTestExecutor,
  type TestExecutor,
  type TestJobs,
  testJobs,
} from './test-executor.ts';

let nats: TestNats;
let bus: Bus;
let jobs: TestJobs;
let executor: TestExecutor;
beforeAll(async () => {
  nats = await startTestNats();
  bus = await openExecutorTestBus(nats.url);
  jobs = testJobs(bus);
});
beforeEach(async () => {
  executor = await startTestExecutor(nats.url, { ERRAND_EXECUTOR_FINISH_GRACE_MS: '100' });
});
afterEach(() => executor[Symbol.asyncDispose]());
afterAll(async () => {
  await bus?.[Symbol.asyncDispose]();
  await nats?.[Symbol.asyncDispose]();
});

/** Sets how much the log may hold; less than it holds means that it takes nothing more. */
async function resizeLog(maxBytes: number): Promise<void> {
  const info = await bus.nc.request('$JS.API.STREAM.INFO.JOBS');
  const { config } = info.json<{ config: object }>();
  const answer = await bus.nc.request(
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
  expect(foldJob(await bus.readJob(ref))?.phase.value.status).toBe('running');
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
  executor = await startTestExecutor(nats.url);
  await resizeLog(10_000_000);
  const state = await jobs.ended(ref);
  expect(state.phase.value.status).toBe('failed');
});
