import { randomUUIDv7 } from 'node:crypto';
import type { Bus } from '@errand/bus';
import { connectionOf } from '@errand/bus/testing';
import { type JobRef, toJobEvent } from '@errand/contracts';
import { startTestNats, type TestNats } from '@errand/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  openExecutorTestBus,
  startTestExecutor,
  type TestExecutor,
  type TestJobs,
  testJobs,
} from './executor.ts';

let nats: TestNats;
let bus: Bus;
let jobs: TestJobs;
let executor: TestExecutor;
beforeAll(async () => {
  nats = await startTestNats();
  bus = await openExecutorTestBus(nats.url);
  jobs = testJobs(bus);
  executor = await startTestExecutor(nats.url, { ERRAND_LEASE_MS: '1000' });
});
afterAll(async () => {
  await executor?.[Symbol.asyncDispose]();
  await bus?.[Symbol.asyncDispose]();
  await nats?.[Symbol.asyncDispose]();
});

/** Writes what a program of a later version might. */
async function writeLater(ref: JobRef, token: string): Promise<void> {
  const about = { id: randomUUIDv7(), jobId: ref.jobId, source: '/errand/test', timeMs: Date.now() } as const;
  const { type: _, ...event } = toJobEvent({ type: 'JobDue', data: { reason: 'retry' } }, about);
  const body = JSON.stringify({ ...event, type: 'JobLater' });
  const answer = await connectionOf(bus).request(
    `jobs.${ref.tenantId}.${ref.action}.${ref.jobId}.${token}`,
    body,
  );
  expect(answer.json()).toHaveProperty('seq');
}

test('a job whose newest event is of an unknown type ends all the same', async () => {
  const ref = await jobs.request('linger', {});
  await jobs.stateWhen(ref, (state) => state.phase.value.status === 'running');
  await writeLater(ref, 'annotated');
  const state = await jobs.ended(ref);
  expect(state.outcome.value.errors).toMatchObject([{ code: 'timed_out' }]);
});

test('a job that got an event of an unknown type before its first attempt is run', async () => {
  await executor[Symbol.asyncDispose]();
  const ref = await jobs.request('add', { a: 1, b: 2 });
  await writeLater(ref, 'annotated');
  executor = await startTestExecutor(nats.url, { ERRAND_LEASE_MS: '1000' });
  expect((await jobs.ended(ref)).outcome.value.result).toMatchObject({ sum: 3 });
});

test('a job whose ending cannot be read is not run again', async () => {
  await executor[Symbol.asyncDispose]();
  const ref = await jobs.request('add', { a: 1, b: 2 });
  await writeLater(ref, 'succeeded');
  executor = await startTestExecutor(nats.url, { ERRAND_LEASE_MS: '1000' });
  await jobs.ended(await jobs.request('add', { a: 1, b: 2 }));
  expect(await jobs.typesOf(ref)).toEqual(['JobRequested']);
});
