import { BUCKETS, LogPosition, PROJECTION_READER, WEBHOOKS_READER } from '@errand/contracts';
import { startTestNats, startTestScheduler, type TestNats, type TestScheduler } from '@errand/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { inMs, openTestJobs, retrying, STARTED, SUCCEEDED, type TestJobs } from './test-jobs.ts';

let nats: TestNats;
let jobs: TestJobs;
let schedulers: TestScheduler[] = [];
beforeAll(async () => {
  nats = await startTestNats();
  jobs = await openTestJobs(nats.url);
  schedulers = await Promise.all([1, 2].map(() => startTestScheduler(nats.url)));
});
afterAll(async () => {
  await Promise.all(schedulers.map((scheduler) => scheduler[Symbol.asyncDispose]()));
  await jobs?.[Symbol.asyncDispose]();
  await nats?.[Symbol.asyncDispose]();
});

/** What both schedulers say of a metric, with a label or without. */
async function told(name: string, label = ''): Promise<number[]> {
  const texts = await Promise.all(
    schedulers.map(async ({ opsPort }) => (await fetch(`http://127.0.0.1:${opsPort}/metrics`)).text()),
  );
  const line = new RegExp(`^${name}\\{.*${label}.*\\} ([\\d.e-]+)$`, 'm');
  return texts.flatMap((text) => line.exec(text)?.[1] ?? []).map(Number);
}

test('what executors have to do is told by the leader alone', async () => {
  await jobs.request({});
  await jobs.request({}, [STARTED]);
  await jobs.request({}, [STARTED, SUCCEEDED]);
  await jobs.request({}, [STARTED, retrying(inMs(30_000))]);
  await jobs.request({ start_after: inMs(3_600_000) });
  const add = 'action="add"';
  await expect.poll(() => told('errand_queued_jobs', add)).toEqual([1]);
  await expect.poll(() => told('errand_running_jobs', add)).toEqual([1]);
  await expect.poll(() => told('errand_due_soon_jobs', add)).toEqual([1]);
  expect(await told('errand_limited_jobs', add)).toEqual([0]);
  await expect.poll(async () => (await told('errand_oldest_queued_seconds', add))[0]).toBeGreaterThan(0.5);
  expect(await told('errand_overdue_timers')).toEqual([0, 0]);
});

test('readers that do not run are behind the log, by the age of the first event that they lack', async () => {
  const positions = await jobs.bus.buckets.open(BUCKETS.positions, LogPosition);
  const behind = (reader: string) => told('errand_reader_behind_seconds', `reader="${reader}"`);
  expect(await behind(PROJECTION_READER.name)).toEqual([]);
  const { lastVersion } = await jobs.bus.jobs.reach();
  await positions.put(PROJECTION_READER.name, { version: lastVersion });
  await positions.put(WEBHOOKS_READER.name, { version: lastVersion });
  await expect.poll(() => behind(PROJECTION_READER.name)).toEqual([0]);
  await jobs.request({ start_after: inMs(3_600_000) });
  await expect.poll(async () => (await behind(PROJECTION_READER.name))[0]).toBeGreaterThan(0.2);
  expect((await behind(WEBHOOKS_READER.name))[0]).toBeGreaterThan(0);
  await positions.put(WEBHOOKS_READER.name, { version: (await jobs.bus.jobs.reach()).lastVersion });
  await expect.poll(() => behind(WEBHOOKS_READER.name)).toEqual([0]);
});
