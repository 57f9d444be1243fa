import type { Bus } from '@errand/bus';
import { foldJob } from '@errand/domain';
import { startTestNats, type TestNats } from '@errand/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { onTimerDue } from './on-timer-due.ts';
import { openExecutorTestBus, type TestJobs, testJobs } from './test-executor.ts';

let nats: TestNats;
let bus: Bus;
let jobs: TestJobs;
let deps: { bus: Bus; signal: AbortSignal; now: () => number };
beforeAll(async () => {
  nats = await startTestNats();
  bus = await openExecutorTestBus(nats.url);
  jobs = testJobs(bus);
  deps = { bus, signal: new AbortController().signal, now: Date.now };
});
afterAll(async () => {
  await bus?.[Symbol.asyncDispose]();
  await nats?.[Symbol.asyncDispose]();
});

const inMs = (ms: number) => new Date(Date.now() + ms).toISOString();

test('the end of a wait makes the job due', async () => {
  const ref = await jobs.request('add', { a: 1, b: 2 }, { startAfter: inMs(-10) });
  expect(await onTimerDue(ref, { ...deps, endedAtMs: Date.now() })).toEqual({ kind: 'done' });
  expect(await jobs.typesOf(ref)).toEqual(['JobRequested', 'JobDue']);
});

test('the end of an earlier wait, told once more, wakes no job that waits for a later time', async () => {
  const later = inMs(3_600_000);
  const ref = await jobs.request('add', { a: 1, b: 2 }, { startAfter: later });
  const scheduled: number[] = [];
  const watched: Bus = {
    ...bus,
    scheduleDue: async (job, atMs) => {
      scheduled.push(atMs);
      await bus.scheduleDue(job, atMs);
    },
  };
  expect(await onTimerDue(ref, { ...deps, bus: watched, endedAtMs: Date.now() })).toEqual({ kind: 'done' });
  expect(await jobs.typesOf(ref)).toEqual(['JobRequested']);
  expect(foldJob(await bus.readJob(ref))?.phase.value.nextAt).toBe(later);
  // The early end may have taken the place of the right one.
  expect(scheduled).toEqual([Date.parse(later)]);
});
