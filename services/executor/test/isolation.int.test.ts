import { fileURLToPath } from 'node:url';
import { connectionOf } from '@errand/bus/testing';
import type { JobRef } from '@errand/contracts';
import type { JobState } from '@errand/domain';
import { startTestNats, waitUntil } from '@errand/testkit';
import { expect, test } from 'vitest';
import {
  bus,
  jobs,
  nats,
  openExecutorTestBus,
  startForFile,
  startTestExecutor,
  testJobs,
} from './executor.ts';
import { createTestFolder } from './folder.ts';
import { superviseExecutor } from './supervised.ts';

const ACTIONS = fileURLToPath(new URL('./fixtures/misbehaving.ts', import.meta.url));

startForFile();

/** The pid that an attempt of `tell_pid` reports while it is at work. */
async function pidOf(ref: JobRef, attempt: number): Promise<number> {
  const isAtWork = (state: JobState) =>
    state.attempt.value.number === attempt && state.progress.value?.message != null;
  const { progress } = await jobs.stateWhen(ref, isAtWork);
  return Number(progress.value?.message);
}

async function isIsolated(ref: JobRef): Promise<boolean> {
  const started = (await bus.jobs.read(ref)).find(({ event }) => event.type === 'JobStarted')?.event;
  return started?.type === 'JobStarted' && started.data.isolated === true;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

const own = { NATS_URL: '', ERRAND_ACTIONS: ACTIONS };

test('an attempt runs alone after its executor died, and its process does not outlive the next one', async () => {
  await using executor = superviseExecutor({ ...own, NATS_URL: nats.url });
  const ref = await jobs.request('tell_pid', { loops: true });
  const first = await pidOf(ref, 1);
  expect(await isIsolated(ref)).toBe(false);
  executor.kill('SIGKILL');
  const second = await pidOf(ref, 2);
  expect(second).not.toBe(first);
  expect(await isIsolated(ref)).toBe(true);
  // It answers nothing, and still it ends.
  executor.kill('SIGKILL');
  await waitUntil(() => !isAlive(second));
}, 60_000);

test('an attempt in isolation that is handed over is begun anew in isolation, under its number', async () => {
  await using executor = superviseExecutor({ ...own, NATS_URL: nats.url });
  const ref = await jobs.request('tell_pid', { loops: false });
  await pidOf(ref, 1);
  executor.kill('SIGKILL');
  const second = await pidOf(ref, 2);
  executor.kill('SIGTERM');
  await jobs.stateWhen(ref, ({ attempt, progress }) => {
    const pid = Number(progress.value?.message ?? second);
    return attempt.value.number === 2 && pid !== second;
  });
  expect(await isIsolated(ref)).toBe(true);
  expect(executor.ends).toEqual(['SIGKILL', 'code 0']);
}, 60_000);

test("a main.ts of one's own serves an attempt in isolation too", async () => {
  await using folder = await createTestFolder();
  const from = (name: string) => JSON.stringify(new URL(name, import.meta.url).href);
  const file = await folder.write(
    'main.ts',
    `import { runExecutor } from ${from('../src/index.ts')};
     import { innocent, misbehave } from ${from('./fixtures/misbehaving.ts')};
     await runExecutor({ actions: [innocent, misbehave] });`,
  );
  await using executor = superviseExecutor({ NATS_URL: nats.url }, file);
  const innocent = await jobs.request('innocent', { ms: 7_000 });
  await jobs.stateWhen(innocent, ({ phase }) => phase.value.status === 'running');
  const guilty = await jobs.ended(await jobs.request('misbehave', { way: 'fills_memory' }));
  expect(guilty).toMatchObject({ attempt: { value: { number: 2 } }, phase: { value: { status: 'failed' } } });
  expect(guilty.outcome.value.errors).toMatchObject([{ code: 'action_failed' }]);
  expect(await jobs.ended(innocent)).toMatchObject({ phase: { value: { status: 'succeeded' } } });
  expect(executor.ends).toHaveLength(1);
}, 60_000);

test('attempts of an executor that fails are used up, however often it is started again', async () => {
  await using executor = superviseExecutor({ ...own, NATS_URL: nats.url });
  const ref = await jobs.request('tell_pid', { loops: false });
  await pidOf(ref, 1);
  // Only a new start mends this.
  await connectionOf(bus).request('$JS.API.CONSUMER.DELETE.JOBS.executor-innocent-0');
  await waitUntil(() => executor.ends.length === 1);
  await pidOf(ref, 2);
  expect(executor.ends).toEqual(['code 1']);
}, 60_000);

test('a queue of jobs that loop takes one executor down, and not the one that is started in its place', async () => {
  await using nats = await startTestNats();
  await using bus = await openExecutorTestBus(nats.url);
  const jobs = testJobs(bus);
  // So long that the next executor takes the second job before it takes over the first one.
  const env = { ...own, NATS_URL: nats.url, ERRAND_LEASE_MS: '8000' };
  await using executor = superviseExecutor(env);
  const innocent = await jobs.request('innocent', { ms: 8_000 });
  await jobs.stateWhen(innocent, ({ phase }) => phase.value.status === 'running');
  await Promise.all(Array.from({ length: 5 }, () => jobs.request('loops_one_by_one', {})));
  const isOver = ({ phase }: JobState) => phase.value.finishedAt !== null;
  const { attempt, phase } = await jobs.stateWhen(innocent, isOver, 50_000);
  expect([phase.value.status, attempt.value.number]).toEqual(['succeeded', 2]);
  expect(executor.ends).toEqual(['SIGKILL']);
}, 60_000);

test('an executor that starts while an attempt is deferred takes its action for no killer', async () => {
  const until = new Date(Date.now() + 3_600_000).toISOString();
  const first = await startTestExecutor(nats.url);
  const waiting = await jobs.request('add', { a: 1, b: 2 }, { startAfter: until });
  await first[Symbol.asyncDispose]();
  const version = (await bus.jobs.read(waiting)).at(-1)?.version ?? 0;
  const started = { attempt: 1, executor_id: 'gone' };
  const begun = await jobs.append(waiting, version, { type: 'JobStarted', data: started });
  const data = { attempt: 1, until, operation: 'https://a.example/1' };
  await jobs.append(waiting, begun, { type: 'JobDeferred', data });
  await using _second = await startTestExecutor(nats.url);
  const ref = await jobs.request('add', { a: 1, b: 2 });
  await jobs.ended(ref);
  expect(await isIsolated(ref)).toBe(false);
}, 60_000);
