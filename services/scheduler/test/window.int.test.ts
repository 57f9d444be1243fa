import type { Bucket, Bus, Step } from '@errand/bus';
import { memoryPosition } from '@errand/bus/testing';
import {
  BACKUP_POSITION,
  BUCKETS,
  JOBS_STREAM,
  type JobRef,
  LogPosition,
  type LogReaderSpec,
  PROJECTION_READER,
  parseJobSubject,
  WEBHOOKS_READER,
} from '@errand/contracts';
import { foldJob } from '@errand/domain';
import { rawNatsRequest, startTestNats, type TestNats } from '@errand/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createOpenJobs } from '../src/jobs/open-jobs.ts';
import { createWindowKeeper, type WindowState } from '../src/window/keep-window.ts';
import { createNeededEvents } from '../src/window/needed-events.ts';
import { inMs, openTestJobs, retrying, STARTED, SUCCEEDED, type TestJobs } from './test-jobs.ts';

const SLACK_MS = 300;
const HOUR_MS = 3_600_000;

let nats: TestNats;
let jobs: TestJobs;
let bus: Bus;
let positions: Bucket<LogPosition>;
const stop = new AbortController();
const readers: Promise<void>[] = [];
beforeAll(async () => {
  nats = await startTestNats();
  // So small that a handful of jobs fill it to the share from which on waiting jobs are carried.
  jobs = await openTestJobs(nats.url, { jobsMaxBytes: 100_000 });
  bus = jobs.bus;
  positions = await bus.buckets.open(BUCKETS.positions, LogPosition);
  read(PROJECTION_READER);
});
afterAll(async () => {
  stop.abort();
  await Promise.all(readers);
  await jobs?.[Symbol.asyncDispose]();
  await nats?.[Symbol.asyncDispose]();
});

/** Settles all that a reader is to read. */
function read(reader: LogReaderSpec): void {
  const position = memoryPosition();
  const options = { reader, position, fillsAnew: true, maxBatch: 100, lingerMs: 0, signal: stop.signal };
  const take = async (_: unknown, step: Step | undefined) => position.move(step);
  readers.push(bus.jobs.readInOrder({ ...options, take, sinceMs: () => 0, onUnreadable() {}, onError() {} }));
}

/** What a scheduler does with the log, and knows of it, but for ending waits. */
async function startKeeper() {
  const needed = createNeededEvents();
  const open = createOpenJobs();
  const ended = new AbortController();
  const caughtUp = Promise.withResolvers<void>();
  const following = bus.jobs.follow({
    onEvent({ subject, version, storedMs, decode }) {
      const { ref, type } = parseJobSubject(subject) ?? {};
      if (ref) needed.take(ref.jobId, type, { version, storedMs });
      const decoded = decode();
      if (decoded.kind === 'event') open.take(decoded.recorded, { storedMs: 0, isHeld: false });
    },
    onCaughtUp: caughtUp.resolve,
    signal: ended.signal,
  });
  await caughtUp.promise;
  const about = { graceMs: 0, slackMs: SLACK_MS, maxAgeMs: 48 * HOUR_MS, now: Date.now };
  const keeper = createWindowKeeper({ bus, positions, open, needed, log: { error() {} }, ...about });
  return {
    ...keeper,
    async [Symbol.asyncDispose]() {
      ended.abort();
      await following;
    },
  };
}

/** Looks until a look tells what is wanted. */
function untilKept(
  keeper: { look(): Promise<WindowState | undefined> },
  wanted: (state: WindowState) => boolean | Promise<boolean>,
) {
  return expect
    .poll(
      async () => {
        const state = await keeper.look();
        return state !== undefined && (await wanted(state));
      },
      { timeout: 20_000 },
    )
    .toBe(true);
}

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

test('ended jobs leave the log, up to the oldest job that has not ended', async () => {
  await using keeper = await startKeeper();
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
  await using keeper = await startKeeper();
  const ref = await jobs.request({}, [STARTED, SUCCEEDED]);
  const started = (await versionsOf(ref)).toSorted()[1] ?? 0;
  await untilKept(keeper, () => isGone(ref));
  await expect(jobs.append(ref, started, SUCCEEDED)).rejects.toThrow('conflict');
  expect(await isGone(ref)).toBe(true);
});

test('an ending that a reader has still to take in keeps its job, request and all', async () => {
  await using keeper = await startKeeper();
  await positions.put(WEBHOOKS_READER.name, await currentPosition());
  const before = await jobs.request({}, [STARTED, SUCCEEDED]);
  const ref = await jobs.request({}, [STARTED, SUCCEEDED]);
  await untilOld();
  await untilKept(keeper, ({ pin }) => pin === 'webhooks');
  expect(await isGone(before)).toBe(false);
  read(WEBHOOKS_READER);
  await untilKept(keeper, () => isGone(ref));
});

test('what a running backup has still to copy stays in the log, and one that died is forgotten', async () => {
  await using keeper = await startKeeper();
  const before = await jobs.request({}, [STARTED, SUCCEEDED]);
  const { version } = await currentPosition();
  await untilOld();
  const ref = await jobs.request({}, [STARTED, SUCCEEDED]);
  await positions.put(BACKUP_POSITION, { version, until_ms: Date.now() + HOUR_MS });
  await untilOld();
  await untilKept(keeper, ({ pin }) => pin === 'backup');
  await untilKept(keeper, () => isGone(before));
  expect(await isGone(ref)).toBe(false);
  await positions.put(BACKUP_POSITION, { version, until_ms: Date.now() - 1 });
  await untilKept(keeper, () => isGone(ref));
});

test('a job that waits for a time is carried to the end of the log, and stays the same job', async () => {
  await using keeper = await startKeeper();
  const later = await jobs.request({ start_after: inMs(2 * HOUR_MS), finish_by: inMs(3 * HOUR_MS) });
  const again = await jobs.request({}, [STARTED, retrying(inMs(2 * HOUR_MS))]);
  const before = [await bus.jobs.read(later), await bus.jobs.read(again)].map((events) => foldJob(events));
  const behind = await jobs.request({}, [STARTED, SUCCEEDED]);
  await untilKept(keeper, () => isGone(behind));
  for (const [index, ref] of [later, again].entries()) {
    const events = await bus.jobs.read(ref);
    expect(events.map(({ event }) => event.type)).toEqual(['JobCarried']);
    const state = foldJob(events);
    expect(state?.request.value).toEqual(before[index]?.request.value);
    expect(state?.phase.value).toEqual(before[index]?.phase.value);
    expect(state?.attempt.value).toEqual({ ...before[index]?.attempt.value, executorId: null });
    expect(state?.outcome.value).toEqual(before[index]?.outcome.value);
  }
});

test('a trim whose process died is ended by another process, and what it took too much is brought back', async () => {
  await using keeper = await startKeeper();
  const running = await jobs.request({}, [STARTED]);
  const canceled = await jobs.request({}, [
    STARTED,
    { type: 'JobCancelRequested', data: { by: 'somebody' } },
  ]);
  const ended = await jobs.request({}, [STARTED, SUCCEEDED]);
  const last = await jobs.request({}, [STARTED]);
  await keeper.look();
  // The first half of a trim, and then nothing: the window goes on sliding.
  const config = await configOf();
  const neededFrom = Math.min(...(await versionsOf(running)));
  const metadata = {
    ...config.metadata,
    'errand.usual_max_age': String(config.max_age),
    'errand.needed_from': `${neededFrom} ${(await bus.jobs.readWindow()).nowMs}`,
  };
  const lowered = { ...config, metadata, max_age: SLACK_MS * 1e6 };
  await rawNatsRequest(nats.url, `$JS.API.STREAM.UPDATE.${JOBS_STREAM}`, lowered);
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
  expect(await isGone(ended)).toBe(true);
  await expect(jobs.append(running, neededFrom, SUCCEEDED)).rejects.toThrow('conflict');
});
