import { startTestNats, startTestScheduler, type TestNats, type TestScheduler } from '@errand/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { inMs, openTestJobs, retrying, STARTED, type TestJobs } from './test-jobs.ts';

let nats: TestNats;
let scheduler: TestScheduler;
let jobs: TestJobs;
beforeAll(async () => {
  nats = await startTestNats();
  jobs = await openTestJobs(nats.url);
  scheduler = await startTestScheduler(nats.url);
});
afterAll(async () => {
  await scheduler?.[Symbol.asyncDispose]();
  await jobs?.[Symbol.asyncDispose]();
  await nats?.[Symbol.asyncDispose]();
});

test('a wait for start_after ends at its time, and not before', async () => {
  const startAfter = inMs(600);
  const ref = await jobs.request({ start_after: startAfter });
  const due = await jobs.lastOf(ref, 'JobDue');
  expect(due.data).toEqual({ reason: 'start_after', contract_id: 'c1' });
  expect(due.time >= startAfter).toBe(true);
});

test('a wait for another attempt ends, and the job is for the executors of its contract', async () => {
  const ref = await jobs.request({}, [STARTED, retrying(inMs(200))]);
  expect((await jobs.lastOf(ref, 'JobDue')).data).toEqual({ reason: 'retry', contract_id: 'c1' });
  expect(await jobs.subjectsOf(ref)).toContain(`jobs.acme.add.${ref.jobId}.due.fast.c1`);
});

test('a deferred attempt is resumed at its time, or at once where cancel is requested', async () => {
  const deferred = (until: string) =>
    ({ type: 'JobDeferred', data: { attempt: 1, until, operation: 'https://a.example/1' } }) as const;
  const ref = await jobs.request({}, [STARTED, deferred(inMs(200))]);
  expect((await jobs.lastOf(ref, 'JobDue')).data).toEqual({ reason: 'deferred', contract_id: 'c1' });
  const canceled = await jobs.request({}, [
    STARTED,
    deferred(inMs(3_600_000)),
    { type: 'JobCancelRequested', data: { by: 'somebody' } },
  ]);
  expect((await jobs.lastOf(canceled, 'JobDue')).data).toMatchObject({ reason: 'deferred' });
});

test('waits outlive every scheduler and a restart of NATS', async () => {
  const soon = await jobs.request({}, [STARTED, retrying(inMs(800))]);
  const later = await jobs.request({ start_after: inMs(1_500) });
  await scheduler.kill();
  await nats.kill();
  await nats.restart();
  scheduler = await startTestScheduler(nats.url);
  await jobs.lastOf(soon, 'JobDue');
  await jobs.lastOf(later, 'JobDue');
});

test('the number of waiting jobs is reported', async () => {
  const { jobs: before } = await jobs.bus.jobs.countOpen();
  await jobs.request({ start_after: inMs(3_600_000) });
  await expect.poll(() => jobs.bus.jobs.countOpen()).toEqual({ jobs: before + 1, hasWaiting: true });
});
