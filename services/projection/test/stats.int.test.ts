import { randomUUIDv7 } from 'node:crypto';
import { type Bus, openBus } from '@errand/bus';
import {
  type JobFact,
  type JobRef,
  PROJECTION_READER,
  type RecordedEvent,
  toJobEvent,
  uuidV7Floor,
} from '@errand/contracts';
import { REQUEST } from '@errand/domain/testing';
import { createDailyPartitions, type Db, openDatabase, openSession, readLogPosition } from '@errand/postgres';
import { createLogger, parseConfig } from '@errand/runtime';
import {
  createTestDatabase,
  startTestNats,
  type TestDatabase,
  type TestNats,
  waitUntil,
} from '@errand/testkit';
import fc from 'fast-check';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { settings } from '../src/config.ts';
import { onJobEvents } from '../src/live/on-job-events.ts';
import { beginRebuild } from '../src/rebuild/progress-rows.ts';
import { rebuild } from '../src/rebuild/run-rebuild.ts';
import { startProjection } from '../src/start.ts';
import { settleStats } from '../src/stats/settle-stat-rows.ts';
import { countJobs, readCounted, textOfTables } from './counted.ts';

const TIMEOUT_MS = 120_000;
const HOUR_MS = 3_600_000;
/** The clock of every projection here. */
const NOW = Date.now();
/** What lies before it is in hours once it has been settled. */
const HOURS_BEFORE = Math.floor((NOW - 24 * HOUR_MS) / HOUR_MS) * HOUR_MS;

let nats: TestNats;
let database: TestDatabase;
let bus: Bus;
let db: Db;
const projections: AsyncDisposable[] = [];
/** Everything that was ever appended, by job. */
const log = new Map<string, RecordedEvent[]>();

const config = () =>
  parseConfig(settings, {
    NATS_URL: nats.url,
    DATABASE_URL: database.url,
    ERRAND_OPS_PORT: '0',
    ERRAND_PROJECTION_MAX_BATCH: '7',
    ERRAND_PROJECTION_LINGER_MS: '0',
    ERRAND_PROJECTION_REBUILD_LOOK_MS: '50',
    ERRAND_PROJECTION_REBUILD_PAGE: '10',
    ERRAND_PROJECTION_DEADLINE_SWEEP_MS: '600000',
  });

async function start(): Promise<void> {
  const context = {
    log: createLogger({ service: 'projection', level: 'silent' }),
    signal: new AbortController().signal,
    fail: (error: unknown) => void Promise.reject(error),
    now: () => NOW,
  };
  projections.push(await startProjection(config(), context));
}

beforeAll(async () => {
  nats = await startTestNats();
  database = await createTestDatabase();
  bus = await openBus({ servers: nats.url, name: 'test', topology: config() });
  db = openDatabase({ url: database.url, name: 'test', poolSize: 4 });
  await start();
});
afterAll(async () => {
  await Promise.all(projections.map((projection) => projection[Symbol.asyncDispose]()));
  await db?.destroy();
  await bus?.[Symbol.asyncDispose]();
  await database?.[Symbol.asyncDispose]();
  await nats?.[Symbol.asyncDispose]();
});

/** What jobs may do behind their request. */
const started = (attempt: number): JobFact => ({ type: 'JobStarted', data: { attempt, executor_id: 'e' } });
const failed = (attempt: number, code: string): JobFact => ({
  type: 'JobFailed',
  data: { attempt, error: { code, message: 'It broke.' }, duration_ms: 1 },
});
const succeeded = (attempt: number): JobFact => ({
  type: 'JobSucceeded',
  data: { attempt, result: 1, duration_ms: 1 },
});
const retrying: JobFact = {
  type: 'JobRetrying',
  data: { attempt: 1, error: { code: 'again', message: 'Not yet.' }, retry_at: new Date(NOW).toISOString() },
};
const due: JobFact = { type: 'JobDue', data: { reason: 'retry' } };
const anyHistory = fc.oneof(
  fc.constantFrom<JobFact[]>(
    [],
    [started(1)],
    [started(1), { type: 'JobProgressed', data: { attempt: 1, percent: 5 } }, succeeded(1)],
    [started(1), due, started(1), succeeded(1)],
    [started(1), retrying],
    [started(1), retrying, due, started(2), succeeded(2)],
    [{ type: 'JobCanceled', data: { by: 'key' } }],
    [
      started(1),
      { type: 'JobCancelRequested', data: { by: 'key' } },
      { type: 'JobCanceled', data: { by: 'key' } },
    ],
    [{ type: 'JobExpired', data: { deadline: 'start_by' } }],
  ),
  fc.constantFrom('broken', 'timed_out', 'nul \u0000').map((code) => [started(1), failed(1, code)]),
  fc.constantFrom('broken', 'again').map((code) => [started(1), retrying, due, started(2), failed(2, code)]),
);

/** Writes what a job does next. */
async function append(
  ref: JobRef,
  facts: readonly JobFact[],
  { beginMs, stepMs }: { beginMs: number; stepMs: number },
): Promise<void> {
  const recorded = log.get(ref.jobId) ?? [];
  log.set(ref.jobId, recorded);
  for (const [index, fact] of facts.entries()) {
    const timeMs = beginMs + index * stepMs;
    const event = toJobEvent(fact, { id: randomUUIDv7(), jobId: ref.jobId, source: '/errand/test', timeMs });
    const expectedVersion = recorded.at(-1)?.version ?? 0;
    const outcome = await bus.jobs.append({ ref, event, expectedVersion });
    if (outcome.kind !== 'appended') throw new Error(outcome.kind);
    recorded.push({ ref, version: outcome.version, event });
  }
}

/** Jobs at any times of the last six days. */
async function appendJobs(count: number): Promise<void> {
  const jobs = fc.sample(
    fc.record({
      facts: anyHistory,
      action: fc.constantFrom('add', 'mul'),
      tenantId: fc.constantFrom('acme', 'globex'),
      ageMs: fc.oneof(fc.nat(2 * HOUR_MS), fc.integer({ min: 0, max: 6 * 24 * HOUR_MS })),
      stepMs: fc.oneof(fc.nat(5), fc.nat(5_000), fc.nat(600_000)),
      startsLater: fc.boolean(),
    }),
    count,
  );
  await Promise.all(
    jobs.map(async ({ facts, action, tenantId, ageMs, stepMs, startsLater }) => {
      const beginMs = NOW - ageMs;
      const jobId = uuidV7Floor(beginMs).slice(0, 13) + randomUUIDv7().slice(13);
      const ref = { tenantId, action, jobId };
      const start_after = new Date(beginMs + stepMs / 2).toISOString();
      const data = startsLater ? { ...REQUEST, start_after } : REQUEST;
      await append(ref, [{ type: 'JobRequested', data }, ...facts], { beginMs, stepMs });
    }),
  );
}

async function untilRead(): Promise<void> {
  const { lastVersion } = await bus.jobs.reach();
  await waitUntil(async () => (await readLogPosition(db, PROJECTION_READER.name)) === lastVersion, {
    timeoutMs: 60_000,
  });
}

async function untilRebuilt(): Promise<void> {
  await bus.commands.askProjection('rebuild', { projection: 'job_summary' });
  const state = async () => {
    const status = await bus.commands.askProjection('rebuild_status', { projection: 'job_summary' });
    return status.kind === 'known' && status.progress.state === 'done';
  };
  await waitUntil(state, { timeoutMs: 60_000 });
}

test(
  'each fact counts once, also when its reader stops and another one goes on',
  async () => {
    for (let round = 0; round < 6; round++) {
      const writing = appendJobs(25);
      await start();
      // The one that reads goes, in the middle of what is written.
      await projections.shift()?.[Symbol.asyncDispose]();
      await writing;
    }
    await untilRead();
    await settleStats(db, NOW);
    expect(await readCounted(db)).toEqual(countJobs(log.values(), HOURS_BEFORE));
  },
  TIMEOUT_MS,
);

test('what comes again counts for nothing, in any pieces', async () => {
  const before = await textOfTables(db);
  const events = fc.sample(fc.shuffledSubarray([...log.values()].flat(), { minLength: 200 }), 1)[0] ?? [];
  const partitions = createDailyPartitions(db, 'job_summary');
  while (events.length > 0) {
    await onJobEvents(events.splice(0, 50), { db, partitions, nowMs: NOW });
  }
  expect(await textOfTables(db)).toEqual(before);
});

test(
  'a rebuild makes the same statistics, byte by byte',
  async () => {
    const before = await textOfTables(db);
    await untilRebuilt();
    expect(await textOfTables(db)).toEqual(before);
  },
  TIMEOUT_MS,
);

test(
  'what happens once a rebuild has summed up its rows changes the sum',
  async () => {
    const ref = { tenantId: 'acme', action: 'add', jobId: randomUUIDv7() };
    const request = { type: 'JobRequested', data: REQUEST } as const;
    await append(ref, [request, started(1)], { beginMs: NOW - 2_000, stepMs: 1_000 });
    await untilRead();
    await expect.poll(() => bus.audit.version()).toBe(log.get(ref.jobId)?.at(-1)?.version);
    await using session = await openSession({ url: database.url, name: 'test' });
    // The projections leave it to this test.
    await sql`select pg_advisory_lock(hashtext('errand_rebuild'), hashtext('job_summary'))`.execute(
      session.db,
    );
    const row = await beginRebuild(db, { rebuildId: randomUUIDv7(), nowMs: NOW });
    if (!row) throw new Error('another rebuild is under way');
    let readings = 0;
    const readAll: Bus['jobs']['readAll'] = async function* (query) {
      readings++;
      if (readings === 1) await append(ref, [failed(1, 'broken')], { beginMs: NOW, stepMs: 0 });
      if (readings === 2) await appendJobs(5);
      yield* bus.jobs.readAll(query);
    };
    const { signal } = new AbortController();
    const deps = { session, bus: { ...bus, jobs: { ...bus.jobs, readAll } }, now: () => NOW, signal };
    await rebuild(row, { ...deps, pageSize: 100 });
    expect(readings).toBe(2);
    await untilRead();
    await settleStats(db, NOW);
    expect(await readCounted(db)).toEqual(countJobs(log.values(), HOURS_BEFORE));
  },
  TIMEOUT_MS,
);

test(
  'a rebuild counts what happens meanwhile, and the live projection goes on from there',
  async () => {
    const writing = (async () => {
      for (let round = 0; round < 5; round++) await appendJobs(15);
    })();
    await untilRebuilt();
    await writing;
    await untilRead();
    await settleStats(db, NOW);
    expect(await readCounted(db)).toEqual(countJobs(log.values(), HOURS_BEFORE));
  },
  TIMEOUT_MS,
);

test('two that write at once, as when a parked event is redriven, count each fact once', async () => {
  const partitions = createDailyPartitions(db, 'job_summary');
  const jobs = fc.sample(anyHistory, 20).map((facts, index) => {
    const ref = { tenantId: 'initech', action: 'add', jobId: randomUUIDv7() };
    const timeMs = NOW - index * 1_000;
    return [{ type: 'JobRequested', data: REQUEST } as const, ...facts].map((fact, version) => {
      const about = { id: randomUUIDv7(), jobId: ref.jobId, source: '/errand/test', timeMs } as const;
      return { ref, version: version + 1, event: toJobEvent(fact, about) };
    });
  });
  for (const events of jobs) log.set(events[0]?.ref.jobId ?? '', events);
  const write = async (events: RecordedEvent[]) => {
    for (const event of events) await onJobEvents([event], { db, partitions, nowMs: NOW });
  };
  await Promise.all(jobs.map(write).concat(jobs.map(write)));
  expect(await readCounted(db)).toEqual(countJobs(log.values(), HOURS_BEFORE));
});

test('hours are the sums of their minutes, and are added up once', async () => {
  const partitions = createDailyPartitions(db, 'job_summary');
  const hourMs = Math.floor(NOW / HOUR_MS) * HOUR_MS - 5 * HOUR_MS;
  // An hour has two minutes at least, whatever chance has made of the others.
  for (const minute of [10, 20]) {
    const ref = { tenantId: 'initech', action: 'add', jobId: randomUUIDv7() };
    const timeMs = hourMs + minute * 60_000;
    const about = { id: randomUUIDv7(), jobId: ref.jobId, source: '/errand/test', timeMs } as const;
    const events = [{ ref, version: 1, event: toJobEvent({ type: 'JobRequested', data: REQUEST }, about) }];
    log.set(ref.jobId, events);
    await onJobEvents(events, { db, partitions, nowMs: NOW });
  }
  const minutes = await readCounted(db);
  const later = 23 * HOUR_MS;
  await Promise.all([settleStats(db, NOW + later), settleStats(db, NOW + later)]);
  await settleStats(db, NOW + later);
  const hours = await readCounted(db);
  expect(hours).toEqual(countJobs(log.values(), HOURS_BEFORE + later));
  expect(Object.keys(hours.stats).length).toBeLessThan(Object.keys(minutes.stats).length);
});

test('statistics that are older than summaries get are dropped', async () => {
  await settleStats(db, NOW + 7 * 24 * HOUR_MS);
  const { rows } = await sql<{ oldest: Date | null }>`select min(at) as oldest from job_stats`.execute(db);
  expect(rows[0]?.oldest?.getTime() ?? NOW).toBeGreaterThanOrEqual(Math.floor(NOW / HOUR_MS) * HOUR_MS);
});

test('with days of four hours, statistics are dropped after twenty-eight hours', async () => {
  const thisHour = Math.floor(NOW / HOUR_MS) * HOUR_MS;
  const [kept = '', dropped = ''] = [27, 29].map((hours) =>
    new Date(thisHour - hours * HOUR_MS).toISOString(),
  );
  const about = { tenant_id: 'umbrella', action: 'add', fact: 'requested', bin: 0, jobs: 1 } as const;
  await db
    .insertInto('job_stats')
    .values([kept, dropped].map((at) => ({ ...about, at })))
    .execute();
  await settleStats(db, NOW, 4 * HOUR_MS);
  const { rows } = await sql<{ at: Date }>`select at from job_stats where tenant_id = 'umbrella'`.execute(db);
  expect(rows.map(({ at }) => at.toISOString())).toEqual([kept]);
});
