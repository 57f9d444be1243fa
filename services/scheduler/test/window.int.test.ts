import type { Bus } from '@errand/bus';
import {
  BACKUP_POSITION,
  JOBS_STREAM,
  type JobFact,
  type JobRef,
  PROJECTION_READER,
  WEBHOOKS_READER,
} from '@errand/contracts';
import { foldJob, operationOf, wasIsolated } from '@errand/domain';
import { rawNatsRequest, startTestNats, type TestNats } from '@errand/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { inMs, openTestJobs, retrying, STARTED, SUCCEEDED, type TestJobs } from './test-jobs.ts';
import { HOUR_MS, openTestWindow, SLACK_MS, type TestWindow, untilKept } from './test-window.ts';

let nats: TestNats;
let jobs: TestJobs;
let bus: Bus;
let window: TestWindow;
beforeAll(async () => {
  nats = await startTestNats();
  // So small that a handful of jobs fill it to the share from which on waiting jobs are carried.
  jobs = await openTestJobs(nats.url, { jobsMaxBytes: 100_000 });
  bus = jobs.bus;
  window = await openTestWindow(bus);
  window.read(PROJECTION_READER);
});
afterAll(async () => {
  await window?.[Symbol.asyncDispose]();
  await jobs?.[Symbol.asyncDispose]();
  await nats?.[Symbol.asyncDispose]();
});

const OUTSIDE = 'https://vendor.example/operations/1';
const progressed: JobFact = { type: 'JobProgressed', data: { attempt: 1, percent: 40, message: 'half' } };
const deferred = (until: string): JobFact => ({
  type: 'JobDeferred',
  data: { attempt: 1, until, operation: OUTSIDE, waits_for: 'callback' },
});

/** Until all that the log holds is so old that whatever comes next is not needed for its sake. */
async function untilOld(): Promise<void> {
  const { lastVersion } = await bus.jobs.readWindow();
  const storedMs = (await bus.jobs.storedAt(lastVersion)) ?? 0;
  await expect.poll(async () => (await bus.jobs.readWindow()).nowMs - storedMs).toBeGreaterThan(2 * SLACK_MS);
}

const currentPosition = async () => ({ version: (await bus.jobs.readWindow()).lastVersion });
const firstVersion = async () => (await bus.jobs.readWindow()).firstVersion;
const versionsOf = async (ref: JobRef) => (await bus.jobs.read(ref)).map(({ version }) => version);
const isGone = async (ref: JobRef) => (await versionsOf(ref)).length === 0;
/** The stream's configuration, as the server has it. */
async function configOf(): Promise<{ max_age: number; metadata?: Record<string, string> }> {
  const { config } = await rawNatsRequest(nats.url, `$JS.API.STREAM.INFO.${JOBS_STREAM}`);
  return config as Awaited<ReturnType<typeof configOf>>;
}
const maxAgeMs = async () => (await configOf()).max_age / 1e6;

/** The first half of a trim, and then nothing: the window goes on sliding. */
async function beginTrim(neededFrom: number): Promise<void> {
  const config = await configOf();
  const metadata = {
    ...config.metadata,
    'errand.usual_max_age': String(config.max_age),
    'errand.needed_from': `${neededFrom} ${(await bus.jobs.readWindow()).nowMs}`,
  };
  const lowered = { ...config, metadata, max_age: SLACK_MS * 1e6 };
  await rawNatsRequest(nats.url, `$JS.API.STREAM.UPDATE.${JOBS_STREAM}`, lowered);
}

test('ended jobs leave the log, up to the oldest job that has not ended', async () => {
  await using keeper = await window.startKeeper();
  const before = await jobs.request({}, [STARTED, SUCCEEDED]);
  await untilOld();
  const open = await jobs.request({}, [STARTED]);
  const behind = await jobs.request({}, [STARTED, SUCCEEDED]);
  await untilKept(keeper, () => isGone(before));
  const [requested, started] = (await versionsOf(open)).toSorted();
  expect(await firstVersion()).toBe(requested);
  expect(await isGone(behind)).toBe(false);
  expect((await keeper.look())?.pin).toBe('open_job');
  expect(await maxAgeMs()).toBe(48 * HOUR_MS);

  await jobs.append(open, started ?? 0, SUCCEEDED);
  await untilKept(keeper, () => isGone(behind));
  expect(await isGone(open)).toBe(true);
  // What was in the log is in the audit log.
  let audited = 0;
  for await (const { entries } of bus.audit.read({})) audited += entries.length;
  expect(audited).toBe(9);
});

test('a zombie finds the log of its job empty, and writes nothing', async () => {
  await using keeper = await window.startKeeper();
  const ref = await jobs.request({}, [STARTED, SUCCEEDED]);
  const started = (await versionsOf(ref)).toSorted()[1] ?? 0;
  await untilKept(keeper, () => isGone(ref));
  await expect(jobs.append(ref, started, SUCCEEDED)).rejects.toThrow('conflict');
  expect(await isGone(ref)).toBe(true);
});

test('zombies write nothing either while the events of their jobs leave one by one', async () => {
  const ref = await jobs.request({});
  const versions = await versionsOf(ref);
  for (const fact of [STARTED, SUCCEEDED]) {
    await untilOld();
    versions.push(await jobs.append(ref, versions.at(-1) ?? 0, fact));
  }
  const [requested = 0, started = 0, ended = 0] = versions;
  await beginTrim(ended + 1);
  const held = new Set<string>();
  const written: string[] = [];
  let isOver = false;
  while (!isOver) {
    const left = (await versionsOf(ref)).toSorted();
    held.add(left.join());
    isOver = left.length === 0;
    for (const seen of [requested, started]) {
      const outcome = await jobs.append(ref, seen, SUCCEEDED).catch((error: Error) => error.message);
      if (outcome !== 'conflict') written.push(`after ${seen}: ${outcome}`);
    }
  }
  expect(written).toEqual([]);
  // Its ending left last, and alone.
  expect([...held].slice(-2)).toEqual([String(ended), '']);
  await expect.poll(maxAgeMs, { timeout: 20_000 }).toBe(48 * HOUR_MS);
});

test('an ending that a reader has still to take in keeps its job, request and all', async () => {
  await using keeper = await window.startKeeper();
  await window.positions.put(WEBHOOKS_READER.name, await currentPosition());
  const before = await jobs.request({}, [STARTED, SUCCEEDED]);
  const ref = await jobs.request({}, [STARTED, SUCCEEDED]);
  await untilOld();
  await untilKept(keeper, ({ pin }) => pin === 'webhooks');
  expect(await isGone(before)).toBe(false);
  window.read(WEBHOOKS_READER);
  await untilKept(keeper, () => isGone(ref));
});

test('what a running backup has still to copy stays in the log, and one that died is forgotten', async () => {
  await using keeper = await window.startKeeper();
  const before = await jobs.request({}, [STARTED, SUCCEEDED]);
  const { version } = await currentPosition();
  await untilOld();
  const ref = await jobs.request({}, [STARTED, SUCCEEDED]);
  await window.positions.put(BACKUP_POSITION, { version, until_ms: Date.now() + HOUR_MS });
  await untilOld();
  await untilKept(keeper, ({ pin }) => pin === 'backup');
  await untilKept(keeper, () => isGone(before));
  expect(await isGone(ref)).toBe(false);
  await window.positions.put(BACKUP_POSITION, { version, until_ms: Date.now() - 1 });
  await untilKept(keeper, () => isGone(ref));
});

test('a job that waits for a time is carried to the end of the log, and stays the same job', async () => {
  await using keeper = await window.startKeeper();
  const later = await jobs.request({ start_after: inMs(2 * HOUR_MS), finish_by: inMs(3 * HOUR_MS) });
  const again = await jobs.request({}, [STARTED, retrying(inMs(2 * HOUR_MS))]);
  const outside = await jobs.request({}, [STARTED, progressed, deferred(inMs(2 * HOUR_MS))]);
  const alone = await jobs.request({}, [
    { type: 'JobStarted', data: { attempt: 1, executor_id: 'e', isolated: true } },
    retrying(inMs(2 * HOUR_MS)),
  ]);
  const refs = [later, again, outside, alone];
  const before = (await Promise.all(refs.map((ref) => bus.jobs.read(ref)))).map((events) => foldJob(events));
  const behind = await jobs.request({}, [STARTED, SUCCEEDED]);
  await untilKept(keeper, () => isGone(behind));
  for (const [index, ref] of refs.entries()) {
    const events = await bus.jobs.read(ref);
    expect(events.map(({ event }) => event.type)).toEqual(['JobCarried']);
    const state = foldJob(events);
    expect(state?.request.value).toEqual(before[index]?.request.value);
    expect(state?.phase.value).toEqual(before[index]?.phase.value);
    const executorId = ref === outside ? before[index]?.attempt.value.executorId : null;
    expect(state?.attempt.value).toEqual({ ...before[index]?.attempt.value, executorId });
    expect(state?.progress.value).toEqual(before[index]?.progress.value);
    expect(state?.outcome.value).toEqual(before[index]?.outcome.value);
    expect(operationOf(events)?.address).toBe(ref === outside ? OUTSIDE : undefined);
    expect(wasIsolated(events)).toBe(ref === alone);
  }
});

test.each([
  ['waits for its turn', 'held'],
  ['waits for an executor', 'fast'],
] as const)('a job that %s is carried once it keeps much in the log that nobody needs', async (_, lane) => {
  await using keeper = await window.startKeeper();
  const held = await jobs.request({}, [], lane);
  const before = foldJob(await bus.jobs.read(held));
  const ended = async () => jobs.request({ input: { text: 'x'.repeat(1_000) } }, [STARTED, SUCCEEDED]);
  const behind = await ended();
  while ((await bus.jobs.readWindow()).fill < 0.3) await ended();
  await untilKept(keeper, () => isGone(behind));
  const events = await bus.jobs.read(held);
  expect(events.map(({ event }) => event.type)).toEqual(['JobCarried']);
  const state = foldJob(events);
  expect(state?.request.value).toEqual(before?.request.value);
  const { nextAt, ...phase } = state?.phase.value ?? { nextAt: null };
  expect(phase).toMatchObject({ status: 'queued' });
  // Since when it could begin.
  expect(
    Math.abs(Date.parse(nextAt ?? '') - Date.parse(before?.request.value?.requestedAt ?? '')),
  ).toBeLessThan(5_000);
  // What is done with it goes on from there.
  await jobs.append(held, Math.max(...(await versionsOf(held))), {
    type: 'JobCanceled',
    data: { by: 'somebody' },
  });
});

test('a backlog of jobs that wait for their turn is not carried where little else is in the log', async () => {
  await using keeper = await window.startKeeper();
  const backlog: JobRef[] = [];
  while ((await bus.jobs.readWindow()).fill < 0.4) {
    backlog.push(await jobs.request({ input: { text: 'x'.repeat(5_000) } }, [], 'held'));
  }
  await untilOld();
  for (let looks = 0; looks < 3; looks++) await keeper.look();
  for (const ref of backlog) {
    const events = await bus.jobs.read(ref);
    expect(events.map(({ event }) => event.type)).toEqual(['JobRequested']);
    await jobs.append(ref, Math.max(...(await versionsOf(ref))), {
      type: 'JobCanceled',
      data: { by: 'somebody' },
    });
  }
});

test('carrying what waits leaves the others room', async () => {
  await using keeper = await window.startKeeper();
  const far = { start_after: inMs(2 * HOUR_MS), finish_by: inMs(3 * HOUR_MS) };
  const waiting: JobRef[] = [];
  while ((await bus.jobs.readWindow()).fill < 0.8) {
    waiting.push(await jobs.request({ input: { text: 'x'.repeat(5_000) }, ...far }));
  }
  const running = await jobs.request({}, [STARTED]);
  await untilOld();
  for (let looks = 0; looks < 5; looks++) await keeper.look();
  expect((await bus.jobs.readWindow()).fill).toBeLessThan(0.95);
  await jobs.append(running, Math.max(...(await versionsOf(running))), SUCCEEDED);
  for (const ref of waiting) {
    const version = Math.max(...(await versionsOf(ref)));
    await jobs.append(ref, version, { type: 'JobCanceled', data: { by: 'somebody' } });
  }
  await untilKept(keeper, async () => isGone(running));
});

test('a trim whose process died is ended by another process, and what it took too much is brought back', async () => {
  await using keeper = await window.startKeeper();
  const running = await jobs.request({}, [STARTED]);
  const canceled = await jobs.request({}, [
    STARTED,
    { type: 'JobCancelRequested', data: { by: 'somebody' } },
  ]);
  const ended = await jobs.request({}, [STARTED, SUCCEEDED]);
  const last = await jobs.request({}, [STARTED]);
  const outside = await jobs.request({}, [STARTED, deferred(inMs(2 * HOUR_MS))]);
  await keeper.look();
  const neededFrom = Math.min(...(await versionsOf(running)));
  await beginTrim(neededFrom);
  await expect.poll(() => isGone(running)).toBe(true);
  await expect.poll(() => isGone(last)).toBe(true);
  await expect.poll(maxAgeMs, { timeout: 20_000 }).toBe(48 * HOUR_MS);

  await keeper.look();
  for (const ref of [running, last]) {
    const state = foldJob(await bus.jobs.read(ref));
    expect(state?.phase.value.status).toBe('queued');
    expect(state?.attempt.value.number).toBe(1);
  }
  expect(foldJob(await bus.jobs.read(canceled))?.phase.value.status).toBe('canceled');
  const restored = foldJob(await bus.jobs.read(outside));
  expect(restored?.phase.value).toMatchObject({ status: 'running', waitsFor: 'callback' });
  expect(restored?.attempt.value.number).toBe(1);
  expect(await isGone(ended)).toBe(true);
  await expect(jobs.append(running, neededFrom, SUCCEEDED)).rejects.toThrow('conflict');
});
