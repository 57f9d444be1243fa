import type { Bus } from '@errand/bus';
import { connectionOf } from '@errand/bus/testing';
import { startTestNats, type TestNats } from '@errand/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openExecutorTestBus, startTestExecutor, type TestJobs, testJobs } from './executor.ts';

let nats: TestNats;
let bus: Bus;
let jobs: TestJobs;
beforeAll(async () => {
  nats = await startTestNats();
  bus = await openExecutorTestBus(nats.url);
  jobs = testJobs(bus);
});
afterAll(async () => {
  await bus?.[Symbol.asyncDispose]();
  await nats?.[Symbol.asyncDispose]();
});

/** How often the end of a wait was ever written. */
async function waitsEnded(): Promise<number> {
  const query = JSON.stringify({ subjects_filter: 'jobs.*.*.*.due.>' });
  const answer = await connectionOf(bus).request('$JS.API.STREAM.INFO.JOBS', query);
  const { state } = answer.json<{ state: { subjects?: Record<string, number> } }>();
  return Object.values(state.subjects ?? {}).reduce((sum, count) => sum + count, 0);
}

test.each([
  ['ten minutes behind', -600_000],
  ['three seconds behind', -3_000],
  ['ten minutes ahead', 600_000],
])('the waits of an executor whose clock is %s end once, and in time', async (_, skewMs) => {
  const before = await waitsEnded();
  await using _executor = await startTestExecutor(nats.url, {}, () => Date.now() + skewMs);
  const startAfter = new Date(Date.now() + 1_500).toISOString();
  const refs = await Promise.all([
    ...Array.from({ length: 5 }, () => jobs.request('flaky', { succeeds_at: 3 })),
    ...Array.from({ length: 5 }, () => jobs.request('add', { a: 1, b: 2 }, { startAfter })),
  ]);
  for (const ended of await Promise.all(refs.map((ref) => jobs.ended(ref)))) {
    expect(ended.phase.value.status).toBe('succeeded');
  }
  expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(startAfter));
  // Two waits of each that fails twice, one of each that starts later.
  expect((await waitsEnded()) - before).toBe(5 * 2 + 5);
});
