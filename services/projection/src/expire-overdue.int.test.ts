import { randomUUIDv7 } from 'node:crypto';
import { type Bus, openBus } from '@errand/bus';
import { type JobFact, type JobRef, toJobEvent } from '@errand/contracts';
import { foldJob, isEnded } from '@errand/domain';
import { REQUEST } from '@errand/domain/testing';
import { openDatabase } from '@errand/postgres';
import { createLogger, parseConfig } from '@errand/runtime';
import {
  createTestDatabase,
  startTestNats,
  type TestDatabase,
  type TestNats,
  waitUntil,
} from '@errand/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { settings } from './config.ts';
import { createDeadlines } from './deadlines.ts';
import { createExpiry } from './expire-overdue.ts';
import { startProjection } from './start.ts';
import { forbidExecutor } from './test-refusal.ts';

let nats: TestNats;
let database: TestDatabase;
let bus: Bus;
const projections: AsyncDisposable[] = [];

beforeAll(async () => {
  nats = await startTestNats();
  database = await createTestDatabase();
  const config = parseConfig(settings, {
    NATS_URL: nats.url,
    DATABASE_URL: database.url,
    ERRAND_OPS_PORT: '0',
    ERRAND_PROJECTION_DEADLINE_SWEEP_MS: '50',
  });
  const context = {
    log: createLogger({ service: 'projection', level: 'silent' }),
    signal: new AbortController().signal,
    fail: (error: unknown) => void Promise.reject(error),
  };
  bus = await openBus({ servers: nats.url, name: 'test', topology: config });
  projections.push(await startProjection(config, context), await startProjection(config, context));
});
afterAll(async () => {
  await Promise.all(projections.map((projection) => projection[Symbol.asyncDispose]()));
  await bus?.[Symbol.asyncDispose]();
  await database?.[Symbol.asyncDispose]();
  await nats?.[Symbol.asyncDispose]();
});

async function append(ref: JobRef, expectedVersion: number, fact: JobFact): Promise<number> {
  const about = { id: randomUUIDv7(), jobId: ref.jobId, source: '/errand/test', timeMs: Date.now() } as const;
  const outcome = await bus.append({ ref, event: toJobEvent(fact, about), expectedVersion });
  if (outcome.kind !== 'appended') throw new Error(outcome.kind);
  return outcome.version;
}

async function request(deadlines: { start_by?: string; finish_by?: string }) {
  const ref = { tenantId: 'acme', action: 'add', jobId: randomUUIDv7() };
  const finish_by = inMs(3_600_000);
  const version = await append(ref, 0, {
    type: 'JobRequested',
    data: { ...REQUEST, finish_by, ...deadlines },
  });
  return { ref, version };
}

const inMs = (ms: number) => new Date(Date.now() + ms).toISOString();
const start: JobFact = { type: 'JobStarted', data: { attempt: 1, executor_id: 'e' } };

async function endingOf(ref: JobRef) {
  await waitUntil(async () => isEnded(foldJob(await bus.readJob(ref))?.phase.value.status ?? null));
  return (await bus.readJob(ref)).map(({ event }) => event).at(-1);
}

test('a job that nobody began by its start_by expires, with no executor alive', async () => {
  const { ref } = await request({ start_by: inMs(300) });
  expect(await endingOf(ref)).toMatchObject({ type: 'JobExpired', data: { deadline: 'start_by' } });
});

test('a job that was begun in time does not expire by its start_by, but by its finish_by', async () => {
  const { ref, version } = await request({ start_by: inMs(200), finish_by: inMs(700) });
  await append(ref, version, start);
  expect(await endingOf(ref)).toMatchObject({ type: 'JobExpired', data: { deadline: 'finish_by' } });
});

test('a hundred overdue jobs, seen by two projections at once, expire once each', async () => {
  const jobs = await Promise.all(Array.from({ length: 100 }, () => request({ finish_by: inMs(100) })));
  const endings = await Promise.all(jobs.map(({ ref }) => endingOf(ref)));
  expect(endings.every((event) => event?.type === 'JobExpired')).toBe(true);
  const counts = await Promise.all(jobs.map(async ({ ref }) => (await bus.readJob(ref)).length));
  expect(counts.every((count) => count === 2)).toBe(true);
});

test('an event that Postgres will never take is parked, and the others of its batch are projected', async () => {
  const bad = { tenantId: 'acme', action: 'add', jobId: randomUUIDv7() };
  const about = { id: randomUUIDv7(), jobId: bad.jobId, source: '/errand/test', timeMs: 0 } as const;
  const db = openDatabase({ url: database.url, name: 'test', poolSize: 1 });
  await forbidExecutor(db, 'fool');
  await db.destroy();
  const data = { attempt: 1, executor_id: 'fool' };
  const event = toJobEvent({ type: 'JobStarted', data }, about);
  await bus.append({ ref: bad, event, expectedVersion: 0 });
  const { ref } = await request({ finish_by: inMs(100) });
  expect(await endingOf(ref)).toMatchObject({ type: 'JobExpired' });
  const letters = await waitUntil(async () => {
    const parked = await bus.listDeadLetters({ afterId: 0, limit: 10 });
    return parked.length > 0 ? parked : undefined;
  });
  expect(letters).toMatchObject([
    { consumer: 'projection', reason: expect.stringContaining('Postgres refuses it') },
  ]);
  expect(letters[0]?.subject).toContain(bad.jobId);
});

test('a job that cannot be expired keeps no other one from it', async () => {
  const overdue = await Promise.all([1, 2].map(() => request({ finish_by: inMs(3_600_000) })));
  const [bad, good] = overdue.map(({ ref }) => ref);
  if (!bad || !good) throw new Error('nothing requested');
  const db = openDatabase({ url: database.url, name: 'test', poolSize: 2 });
  const failing: Bus = {
    ...bus,
    readJob: (job) => (job.jobId === bad.jobId ? Promise.reject(new Error('unreadable')) : bus.readJob(job)),
  };
  const ids = [bad.jobId, good.jobId];
  const rows = () => db.selectFrom('job_summary').select('job_id').where('job_id', 'in', ids).execute();
  await waitUntil(async () => (await rows()).length === 2);
  const now = async () => Date.now() + 7_200_000;
  await createExpiry({
    db,
    bus: failing,
    deadlines: createDeadlines(),
    now,
    log: { warn() {} } as never,
  }).byTable();
  await db.destroy();
  expect(await endingOf(good)).toMatchObject({ type: 'JobExpired' });
});
