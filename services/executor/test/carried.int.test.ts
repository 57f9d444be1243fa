import { expect, test } from 'vitest';
import { bus, jobs, nats, startForFile, startTestExecutor, useScheduler } from './executor.ts';

startForFile();

test('a job that is carried while its executors are away runs once when they come', async () => {
  await using _scheduler = await useScheduler(nats.url);
  const first = await startTestExecutor(nats.url);
  await jobs.ended(await jobs.request('echo', { text: 'x', times: 1 }));
  await first[Symbol.asyncDispose]();
  const ref = await jobs.request('echo', { text: 'y', times: 1 });
  const [request] = await bus.jobs.read(ref);
  if (request?.event.type !== 'JobRequested') throw new Error('no request');
  const { data, time } = request.event;
  const carried = { requested_at: time, request: data, attempt: 0, next_at: time, errors: [] };
  await jobs.append(ref, request.version, { type: 'JobCarried', data: carried });
  await expect.poll(async () => (await jobs.typesOf(ref)).at(-1)).toBe('JobDue');
  await using _second = await startTestExecutor(nats.url);
  const { outcome, attempt } = await jobs.ended(ref);
  expect([outcome.value.result, attempt.value.number]).toEqual([{ text: 'y' }, 1]);
  expect(await jobs.typesOf(ref)).toEqual([
    'JobRequested',
    'JobCarried',
    'JobDue',
    'JobStarted',
    'JobSucceeded',
  ]);
});
