import { connectionOf } from '@errand/bus/testing';
import { expect, test } from 'vitest';
import { bus, jobs, nats, startForFile, startTestExecutor } from './executor.ts';

startForFile();

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
