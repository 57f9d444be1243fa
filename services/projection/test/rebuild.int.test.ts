import { randomUUIDv7 } from 'node:crypto';
import { type Bus, openBus } from '@errand/bus';
import { connectionOf } from '@errand/bus/testing';
import {
  PROJECTION_READER,
  type RebuildProgress,
  type RecordedEvent,
  TURNS,
  toJobEvent,
  uuidV7Floor,
} from '@errand/contracts';
import { foldJob } from '@errand/domain';
import { anyFacts, REQUEST } from '@errand/domain/testing';
import {
  createJobSummaryTable,
  type Db,
  type DbSession,
  openDatabase,
  openSession,
  readLogPosition,
  stateOfRow,
} from '@errand/postgres';
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
import { beginRebuild, type RebuildRow } from '../src/rebuild/progress-rows.ts';
import { rebuild as rebuildTable } from '../src/rebuild/run-rebuild.ts';
import { startProjection } from '../src/start.ts';
import { forbidExecutor } from './refusal.ts';

const TIMEOUT_MS = 180_000;
/** A log cannot let go of what is younger than its window of duplicates. */
const TRIMMED_MS = 300;

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
    ERRAND_PROJECTION_REBUILD_LOOK_MS: '50',
    ERRAND_PROJECTION_REBUILD_PAGE: '10',
    ERRAND_PROJECTION_DEADLINE_SWEEP_MS: '600000',
  });
const start = () =>
  startProjection(config(), {
    log: createLogger({ service: 'projection', level: 'silent' }),
    signal: new AbortController().signal,
    fail: (error: unknown) => void Promise.reject(error),
  });

beforeAll(async () => {
  nats = await startTestNats();
  database = await createTestDatabase();
  bus = await openBus({ servers: nats.url, name: 'test', topology: config() });
  // Where a scheduler runs, the first message of the log is its own, which the audit log has not.
  await connectionOf(bus).request(TURNS.lead, '{}');
  db = openDatabase({ url: database.url, name: 'test', poolSize: 4 });
  projections.push(await start(), await start());
});
afterAll(async () => {
  await Promise.all(projections.map((projection) => projection[Symbol.asyncDispose]()));
  await db?.destroy();
  await bus?.[Symbol.asyncDispose]();
  await database?.[Symbol.asyncDispose]();
  await nats?.[Symbol.asyncDispose]();
});

/** Appends jobs with any facts in any order; each is `ageDays` old. */
async function appendJobs(count: number, ageDays = 0): Promise<void> {
  const histories = fc.sample(anyFacts, count);
  await Promise.all(
    histories.map(async (facts) => {
      const jobId = uuidV7Floor(Date.now() - ageDays * 86_400_000).slice(0, 13) + randomUUIDv7().slice(13);
      const ref = { tenantId: 'acme', action: 'add', jobId };
      const recorded: RecordedEvent[] = [];
      for (const fact of [{ type: 'JobRequested' as const, data: REQUEST }, ...facts]) {
        const about = { id: randomUUIDv7(), jobId, source: '/errand/test', timeMs: Date.now() } as const;
        const event = toJobEvent(fact, about);
        const expectedVersion = recorded.at(-1)?.version ?? 0;
        const outcome = await bus.jobs.append({ ref, event, expectedVersion });
        if (outcome.kind !== 'appended') throw new Error(outcome.kind);
        recorded.push({ ref, version: outcome.version, event });
      }
      log.set(jobId, recorded);
    }),
  );
}

async function rowsInTable() {
  const rows = await db.selectFrom('job_summary').selectAll().orderBy('job_id').execute();
  return rows.map(stateOfRow);
}

function foldedRows() {
  return [...log.keys()].sort().map((jobId) => foldJob(log.get(jobId) ?? []));
}

async function progress(): Promise<RebuildProgress | undefined> {
  const status = await bus.commands.askProjection('rebuild_status', { projection: 'job_summary' });
  return status.kind === 'known' ? status.progress : undefined;
}

const untilOver = (state: string) =>
  waitUntil(async () => (await progress())?.state === state, { timeoutMs: 60_000 });
const rebuild = () => bus.commands.askProjection('rebuild', { projection: 'job_summary' });
const sessions = async () =>
  (
    await sql`select pid from pg_stat_activity where application_name = 'errand-rebuild'
      and datname = current_database()`.execute(db)
  ).rows.length;
const newTable = async () =>
  (await sql<{ found: boolean }>`select to_regclass('job_summary_rebuild') is not null as found`.execute(db))
    .rows[0]?.found;

/** Names of tables, partitions and indexes, and what each is made of. */
async function shape(): Promise<unknown[]> {
  const { rows } = await sql`
    select relname, relkind, pg_get_indexdef(c.oid) as index,
      (select json_agg(
          json_build_array(attname, atttypid::regtype, attnotnull, pg_get_expr(adbin, adrelid)) order by attnum)
        from pg_attribute left join pg_attrdef on adrelid = attrelid and adnum = attnum
        where attrelid = c.oid and attnum > 0) as columns
    from pg_class c where relnamespace = 'public'::regnamespace
    and relname like 'job\\_%' order by relname`.execute(db);
  return rows;
}

/** The live projection, and whoever rebuilds, has everything. */
const untilComplete = () =>
  waitUntil(
    async () => {
      expect(await rowsInTable()).toEqual(foldedRows());
      return true;
    },
    { timeoutMs: 60_000 },
  );

test(
  'a rebuild gives what the migrations and the live projection give, names and all',
  async () => {
    await appendJobs(40);
    await appendJobs(10, 3);
    await untilComplete();
    const before = await shape();
    expect(before.length).toBeGreaterThanOrEqual(15);
    expect((await rebuild()).kind).toBe('started');
    await untilOver('done');
    expect(await shape()).toEqual(before);
    expect(await rowsInTable()).toEqual(foldedRows());
    const events = [...log.values()].flat().length;
    expect(await progress()).toMatchObject({ percent: 100, events, skipped: 0, error: null });
  },
  TIMEOUT_MS,
);

test(
  'the live projection survives the drop of its table, and is complete after a rebuild',
  async () => {
    const writing = (async () => {
      for (let round = 0; round < 8; round++) await appendJobs(20, round % 3);
    })();
    await sql`drop table job_summary`.execute(db);
    await appendJobs(10);
    await rebuild();
    await untilOver('done');
    await writing;
    await untilComplete();
    expect(await newTable()).toBe(false);
  },
  TIMEOUT_MS,
);

test(
  'what was parked or cannot be read is left out, and nothing else is',
  async () => {
    const ref = { tenantId: 'acme', action: 'add', jobId: randomUUIDv7() };
    const about = { id: randomUUIDv7(), jobId: ref.jobId, source: '/errand/test', timeMs: 0 } as const;
    const data = { attempt: 1, executor_id: 'fool' };
    await forbidExecutor(db, 'fool');
    await bus.jobs.append({
      ref,
      event: toJobEvent({ type: 'JobStarted', data }, about),
      expectedVersion: 0,
    });
    await connectionOf(bus).request('jobs.nonsense', 'not an event');
    await connectionOf(bus).request(`jobs.acme.add.${randomUUIDv7()}.started`, 'not JSON');
    await appendJobs(30);
    await untilComplete();
    await rebuild();
    await untilOver('done');
    expect(await rowsInTable()).toEqual(foldedRows());
    // One is refused by Postgres, one is not JSON; what is under no subject of ours does not reach the audit log.
    expect((await progress())?.skipped).toBeGreaterThanOrEqual(2);
  },
  TIMEOUT_MS,
);

test(
  'a rebuild whose session is ended again and again goes on where it was',
  async () => {
    await appendJobs(150);
    await untilComplete();
    await rebuild();
    const positions: number[] = [];
    for (let kill = 0; kill < 4; kill++) {
      const last = positions.at(-1) ?? 0;
      const reached = await waitUntil(
        async () => {
          const now = await progress();
          return now?.state === 'done' || (now && now.position > last + 50) ? now : undefined;
        },
        { intervalMs: 2 },
      );
      positions.push(reached.position);
      await sql`select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'errand-rebuild'
      and datname = current_database()`.execute(db);
    }
    await untilOver('done');
    expect(positions).toEqual(positions.toSorted((a, b) => a - b));
    expect(await rowsInTable()).toEqual(foldedRows());
  },
  TIMEOUT_MS,
);

test(
  'one rebuild at a time; a canceled one leaves the table in use as it is and nothing else',
  async () => {
    await using blocking = await openSession({ url: database.url, name: 'test' });
    await sql`select pg_advisory_lock(hashtext('errand_partitions'))`.execute(blocking.db);
    const before = await rowsInTable();
    expect((await rebuild()).kind).toBe('started');
    expect(await rebuild()).toMatchObject({ kind: 'running', progress: { state: 'reading' } });
    const cancel = () => bus.commands.askProjection('cancel_rebuild', { projection: 'job_summary' });
    expect(await cancel()).toMatchObject({ kind: 'canceled', progress: { state: 'canceled' } });
    expect(await cancel()).toEqual({ kind: 'none' });
    await sql`select pg_advisory_unlock(hashtext('errand_partitions'))`.execute(blocking.db);
    await waitUntil(async () => !(await newTable()) && !(await sessions()));
    expect(await rowsInTable()).toEqual(before);
    expect((await rebuild()).kind).toBe('started');
    await untilOver('done');
    expect(await rowsInTable()).toEqual(foldedRows());
  },
  TIMEOUT_MS,
);

/** Begins a rebuild that the projections leave to this test, as long as its session lasts. */
async function beginHere(session: DbSession): Promise<RebuildRow> {
  const lock = sql`select pg_advisory_lock(hashtext('errand_rebuild'), hashtext('job_summary'))`;
  await lock.execute(session.db);
  const row = await beginRebuild(db, { rebuildId: randomUUIDv7(), nowMs: Date.now() });
  if (!row) throw new Error('another rebuild is under way');
  return row;
}

/** Rebuilds here, and does something once where it has read one of the logs, as far as that went. */
async function rebuildAround(where: 'audit' | 'jobs', act: () => Promise<void>): Promise<void> {
  await using session = await openSession({ url: database.url, name: 'test' });
  const row = await beginHere(session);
  let isDone = false;
  async function* around<T>(pages: AsyncGenerator<T, void, undefined>, each: typeof where) {
    yield* pages;
    if (isDone || each !== where) return;
    isDone = true;
    await act();
  }
  const { audit, jobs } = bus;
  await rebuildTable(row, {
    session,
    bus: {
      audit: { ...audit, read: (query) => around(audit.read(query), 'audit') },
      jobs: { ...jobs, readAll: (query) => around(jobs.readAll(query), 'jobs') },
    },
    now: Date.now,
    signal: new AbortController().signal,
    pageSize: 1_000,
  });
  expect(isDone).toBe(true);
}

const heldPosition = async () =>
  (
    await sql<{ holder: string; until: Date; isOver: boolean }>`
      select holder, held_until as until, held_until < clock_timestamp() as "isOver" from log_position
      where reader = ${PROJECTION_READER.name}`.execute(db)
  ).rows[0];

async function appendAndProject(): Promise<number> {
  await appendJobs(5);
  await untilComplete();
  const { lastVersion } = await bus.jobs.reach();
  await waitUntil(async () => (await readLogPosition(db, PROJECTION_READER.name)) === lastVersion);
  return lastVersion;
}

test(
  'what the projection settles between the last page and the swap is in the new table',
  async () => {
    await rebuildAround('jobs', async () => void (await appendAndProject()));
    expect(await rowsInTable()).toEqual(foldedRows());
  },
  TIMEOUT_MS,
);

test.each(['audit', 'jobs'] as const)(
  'what comes behind the last page of %s, and leaves the log before the next one is read, is in the new table',
  async (where) => {
    await rebuildAround(where, async () => {
      const version = await appendAndProject();
      await waitUntil(async () => (await bus.audit.version()) === version);
      const storedMs = (await bus.jobs.storedAt(version)) ?? 0;
      await waitUntil(async () => (await bus.jobs.readWindow()).nowMs > storedMs + TRIMMED_MS);
      const beforeMs = storedMs + 1;
      await bus.jobs.trim({ beforeMs, neededFrom: { version: version + 1, storedMs: beforeMs } });
      await waitUntil(async () => (await bus.jobs.reach()).firstVersion === undefined);
    });
    expect((await rowsInTable()).length).toBe(log.size);
    expect(await rowsInTable()).toEqual(foldedRows());
  },
  TIMEOUT_MS,
);

test(
  'a reader that a rebuild locks out for longer than it holds its position keeps that, and goes on in the new table',
  async () => {
    await using session = await openSession({ url: database.url, name: 'test' });
    const row = await beginHere(session);
    let reads = 0;
    const readAll: Bus['jobs']['readAll'] = async function* (query) {
      // The first one is before the lock.
      if (++reads === 2) {
        const before = await heldPosition();
        await appendJobs(5);
        const waiting = sql`select from pg_locks where not granted and database =
          (select oid from pg_database where datname = current_database())`;
        await waitUntil(async () => (await waiting.execute(db)).rows.length > 0);
        await waitUntil(async () => new Date() > (before?.until ?? 0));
        // Where nobody holds it any more, the other projection does so next.
        const held = await waitUntil(async () => {
          const now = await heldPosition();
          return now?.isOver === false ? now : undefined;
        });
        expect(held.holder).toBe(before?.holder);
      }
      yield* bus.jobs.readAll(query);
    };
    await rebuildTable(row, {
      session,
      bus: { ...bus, jobs: { ...bus.jobs, readAll } },
      now: Date.now,
      signal: new AbortController().signal,
      pageSize: 1_000,
    });
    expect(reads).toBeGreaterThan(1);
    await untilComplete();
    expect(await rowsInTable()).toEqual(foldedRows());
  },
  TIMEOUT_MS,
);

test(
  'a rebuild begins again when another version of the program made its table with other columns',
  async () => {
    await using session = await openSession({ url: database.url, name: 'test' });
    const row = await beginHere(session);
    await createJobSummaryTable(db, 'job_summary_rebuild');
    await sql`alter table job_summary_rebuild drop column executor_id`.execute(db);
    const signal = new AbortController().signal;
    await rebuildTable({ ...row, position: 1 }, { session, bus, now: Date.now, signal, pageSize: 1_000 });
    expect(await rowsInTable()).toEqual(foldedRows());
  },
  TIMEOUT_MS,
);

test(
  'a table that a process of the version before has rebuilt gets the columns that it lacks',
  async () => {
    const before = await shape();
    await sql`alter table job_summary drop column first_started_at, drop column waits_for`.execute(db);
    await appendJobs(3);
    await waitUntil(
      async () => {
        const { rows } = await sql<{ jobs: number }>`
          select count(*)::int as jobs from job_summary`.execute(db);
        return rows[0]?.jobs === log.size;
      },
      { timeoutMs: 30_000 },
    );
    await rebuild();
    await untilOver('done');
    await untilComplete();
    expect(await shape()).toEqual(before);
  },
  TIMEOUT_MS,
);
