import type { JobFact } from '@errand/contracts';
import {
  startNatsProxy,
  startTestNats,
  startTestScheduler,
  type TestNats,
  type TestScheduler,
  waitUntil,
} from '@errand/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { inMs, openTestJobs, STARTED, SUCCEEDED, type TestJobs } from './test-jobs.ts';

let nats: TestNats;
let jobs: TestJobs;
const schedulers: TestScheduler[] = [];
beforeAll(async () => {
  nats = await startTestNats();
  jobs = await openTestJobs(nats.url);
  schedulers.push(...(await Promise.all([1, 2].map(() => startTestScheduler(nats.url)))));
});
afterAll(async () => {
  await Promise.all(schedulers.map((scheduler) => scheduler[Symbol.asyncDispose]()));
  await jobs?.[Symbol.asyncDispose]();
  await nats?.[Symbol.asyncDispose]();
});

/** Writes while every scheduler is stopped: however long it takes, none sees a part of it. */
async function unseen<T>(write: () => Promise<T>): Promise<T> {
  for (const scheduler of schedulers) scheduler.suspend();
  try {
    return await write();
  } finally {
    for (const scheduler of schedulers) scheduler.resume();
  }
}

const expired = (deadline: string) => ({ type: 'JobExpired', data: { deadline } });

test('a job that nobody began by its start_by expires, with no executor alive', async () => {
  const ref = await jobs.request({ start_by: inMs(300) });
  expect(await jobs.lastOf(ref, 'JobExpired')).toMatchObject(expired('start_by'));
});

test('a job that was begun in time does not expire by its start_by, but by its finish_by', async () => {
  const ref = await unseen(() => jobs.request({ start_by: inMs(200), finish_by: inMs(700) }, [STARTED]));
  expect(await jobs.lastOf(ref, 'JobExpired')).toMatchObject(expired('finish_by'));
});

test('an ended job does not expire', async () => {
  const ended = await unseen(() => jobs.request({ finish_by: inMs(300) }, [STARTED, SUCCEEDED]));
  const late = await jobs.request({ finish_by: inMs(600) });
  await jobs.lastOf(late, 'JobExpired');
  expect((await jobs.typesOf(ended)).at(-1)).toBe('JobSucceeded');
});

test('a hundred overdue jobs, seen by two schedulers at once, expire once each', async () => {
  const refs = await Promise.all(Array.from({ length: 100 }, () => jobs.request({ finish_by: inMs(100) })));
  await Promise.all(refs.map((ref) => jobs.lastOf(ref, 'JobExpired')));
  const types = await Promise.all(refs.map(jobs.typesOf));
  expect(types).toEqual(refs.map(() => ['JobRequested', 'JobExpired']));
});

test('what became overdue while no scheduler ran expires once one does', async () => {
  await using alone = await startTestNats();
  await using others = await openTestJobs(alone.url);
  const refs = [
    await others.request({ finish_by: inMs(50) }),
    await others.request({ start_by: inMs(50) }, [STARTED]),
  ];
  const overdueAt = Date.parse(inMs(100));
  await waitUntil(() => Date.now() > overdueAt);
  await using _ = await startTestScheduler(alone.url);
  await others.lastOf(refs[0], 'JobExpired');
  expect(await others.typesOf(refs[1])).toEqual(['JobRequested', 'JobStarted']);
});

test.each([
  ['expires', 'expired', { finish_by: 400 }],
  ['goes on', 'due', { until: 400 }],
] as const)(
  'a job that %s all the same, though progress is stored at that very moment',
  async (_, event, after) => {
    await using alone = await startTestNats();
    await using others = await openTestJobs(alone.url);
    await using proxy = await startNatsProxy(alone.url);
    using held = proxy.hold('client', (frame) => /^HPUB jobs\./.test(frame) && frame.includes(`.${event}`));
    await using scheduler = await startTestScheduler(proxy.url);
    expect(scheduler.opsPort).toBeGreaterThan(0);
    const deferred: JobFact[] =
      'until' in after
        ? [
            {
              type: 'JobDeferred',
              data: { attempt: 1, until: inMs(after.until), operation: 'https://a.example/1' },
            },
          ]
        : [];
    const changes = 'finish_by' in after ? { finish_by: inMs(after.finish_by) } : {};
    const ref = await others.request(changes, [STARTED, ...deferred]);
    await held.caught;
    const version = Math.max(...(await others.bus.jobs.read(ref)).map((each) => each.version));
    await others.append(ref, version, { type: 'JobProgressed', data: { attempt: 1, percent: 50 } });
    held.letGo();
    await others.lastOf(ref, event === 'due' ? 'JobDue' : 'JobExpired');
  },
);
