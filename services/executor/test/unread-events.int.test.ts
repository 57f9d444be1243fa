import { randomUUIDv7 } from 'node:crypto';
import { connectionOf } from '@errand/bus/testing';
import { type JobRef, toJobEvent } from '@errand/contracts';
import { expect, test } from 'vitest';
import { bus, executor, jobs, nats, startForFile, startTestExecutor, useExecutor } from './executor.ts';

startForFile({ executor: 'file', env: { ERRAND_LEASE_MS: '1000' } });

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
  useExecutor(await startTestExecutor(nats.url, { ERRAND_LEASE_MS: '1000' }));
  expect((await jobs.ended(ref)).outcome.value.result).toMatchObject({ sum: 3 });
});

test('a job whose ending cannot be read is not run again', async () => {
  await executor[Symbol.asyncDispose]();
  const ref = await jobs.request('add', { a: 1, b: 2 });
  await writeLater(ref, 'succeeded');
  useExecutor(await startTestExecutor(nats.url, { ERRAND_LEASE_MS: '1000' }));
  await jobs.ended(await jobs.request('add', { a: 1, b: 2 }));
  expect(await jobs.typesOf(ref)).toEqual(['JobRequested']);
});
