import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUIDv7 } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { type Bus, openBus } from '@errand/bus';
import {
  DEFAULT_TOPOLOGY,
  type JobFact,
  type JobRef,
  PROJECTION_READER,
  toJobEvent,
} from '@errand/contracts';
import { evolve, type JobState } from '@errand/domain';
import { REQUEST } from '@errand/domain/testing';
import { type Db, openDatabase, readLogPosition, stateOfRow, throughRow } from '@errand/postgres';
import {
  createTestDatabase,
  rawNatsRequest,
  startPostgresProxy,
  startTestNats,
  startTestPostgres,
  type TestNats,
} from '@errand/testkit';
import { sql } from 'kysely';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { forbidExecutor } from './refusal.ts';

/*
 * What the position promises, with processes that are killed and stopped: every event is in the table once, whatever
 * happens to its readers and to the database, and whoever follows the endings up to the position sees each once and in
 * order. ERRAND_POSITION_KILLS and ERRAND_POSITION_STOPS make it longer.
 */

const KILLS = Number(process.env.ERRAND_POSITION_KILLS || 2);
const STOPS = Number(process.env.ERRAND_POSITION_STOPS || 1);
/** Jobs that wait for a reader at most. */
const MAX_UNREAD = 200;
const MAIN = join(import.meta.dirname, '..', 'src', 'main.ts');
const FACTS: JobFact[] = [
  { type: 'JobStarted', data: { attempt: 1, executor_id: 'e' } },
  { type: 'JobSucceeded', data: { attempt: 1, result: {}, duration_ms: 1 } },
];

let nats: TestNats;
let bus: Bus;
let databaseUrl: string;
let db: Db;
const resources: AsyncDisposableStack[] = [];
const projections = new Set<ChildProcess>();
beforeAll(async () => {
  nats = await startTestNats();
  bus = await openBus({ servers: nats.url, name: 'test', topology: DEFAULT_TOPOLOGY });
});
beforeEach(async () => {
  const stack = new AsyncDisposableStack();
  resources.push(stack);
  useDatabase(stack.use(await createTestDatabase()).url);
});
afterEach(async () => {
  await Promise.all([...projections].map((each) => end(each, 'SIGKILL')));
  for (const stack of resources.splice(0)) await stack.disposeAsync();
});
afterAll(async () => {
  await bus?.[Symbol.asyncDispose]();
  await nats?.[Symbol.asyncDispose]();
});

/** From here to the end of the test. */
function useDatabase(url: string): void {
  databaseUrl = url;
  const opened = openDatabase({ url, name: 'test', poolSize: 3 });
  db = opened;
  resources.at(-1)?.defer(() => opened.destroy());
}

function startProjection(url = databaseUrl): ChildProcess {
  const child = spawn(process.execPath, [MAIN], {
    env: {
      PATH: process.env.PATH,
      NATS_URL: nats.url,
      DATABASE_URL: url,
      ERRAND_HOST: '127.0.0.1',
      ERRAND_OPS_PORT: '0',
      ERRAND_LOG_LEVEL: 'silent',
      ERRAND_PROJECTION_MAX_BATCH: '20',
    },
    stdio: 'ignore',
  });
  projections.add(child);
  return child;
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  projections.delete(child);
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill(signal);
  await gone;
}

interface WrittenJob {
  readonly ref: JobRef;
  readonly versions: number[];
}

async function runJob(facts = FACTS): Promise<WrittenJob> {
  const ref = { tenantId: 'acme', action: 'add', jobId: randomUUIDv7() };
  const job: WrittenJob = { ref, versions: [] };
  await append(job, [{ type: 'JobRequested', data: REQUEST }, ...facts]);
  return job;
}

async function append({ ref, versions }: WrittenJob, facts: readonly JobFact[]): Promise<void> {
  for (const fact of facts) {
    const about = {
      id: randomUUIDv7(),
      jobId: ref.jobId,
      source: '/errand/test',
      timeMs: Date.now(),
    } as const;
    const event = toJobEvent(fact, about);
    const outcome = await bus.jobs.append({ ref, event, expectedVersion: versions.at(-1) ?? 0 });
    if (outcome.kind !== 'appended') throw new Error(outcome.kind);
    versions.push(outcome.version);
  }
}

const position = () => readLogPosition(db, PROJECTION_READER.name).catch(() => undefined);
const untilRead = async (version: number | undefined, timeout = 30_000) =>
  expect.poll(position, { timeout }).toBeGreaterThanOrEqual(version ?? 0);
/** Runs a job, and waits until it is in the table. */
async function runAndRead(facts?: JobFact[]): Promise<WrittenJob> {
  const job = await runJob(facts);
  await untilRead(job.versions.at(-1));
  return job;
}

/** The backend that waits for a lock with such a statement. */
async function untilBlocked(statement: string): Promise<number> {
  const waiting = sql<{ pid: number }>`
    select pid from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'
    and starts_with(ltrim(query, E' \n'), ${statement})`;
  const pid = async () => (await waiting.execute(db)).rows[0]?.pid;
  await expect.poll(pid, { timeout: 30_000 }).toBeDefined();
  return (await pid()) ?? 0;
}

async function holder(): Promise<ChildProcess | undefined> {
  const { rows } = await sql<{ holder: string | null }>`select holder from log_position`.execute(db);
  const pid = Number(rows[0]?.holder?.split(' ')[0]);
  return [...projections].find((each) => each.pid === pid);
}

async function rowsInTable(): Promise<Map<string, JobState>> {
  const rows = await db.selectFrom('job_summary').selectAll().execute();
  return new Map(rows.map((row) => [row.job_id, stateOfRow(row)]));
}

/** What the audit log says of every job, also of tests before: each database is filled with all of it. */
async function foldedRows(): Promise<Map<string, JobState>> {
  const states = new Map<string, JobState>();
  for await (const { entries } of bus.audit.read({})) {
    for (const { decoded } of entries) {
      if (decoded.kind !== 'event') continue;
      const { recorded } = decoded;
      states.set(recorded.ref.jobId, evolve(states.get(recorded.ref.jobId), recorded));
    }
  }
  return new Map([...states].map(([jobId, state]) => [jobId, throughRow(state)]));
}

test('a database that was set back gets what it lacks, also what has left the log', async () => {
  startProjection();
  await runJob();
  const kept = await runJob();
  await untilRead(kept.versions.at(-1));
  const lost = await runJob();
  for (let each = 0; each < 5; each++) await runJob();
  const last = await runJob();
  await untilRead(last.versions.at(-1));
  await expect.poll(() => bus.audit.version()).toBe(last.versions.at(-1));
  await rawNatsRequest(nats.url, '$JS.API.STREAM.PURGE.JOBS', { seq: last.versions[1] });
  // In the middle of a job: one row is gone, and one as it was before the job's end.
  await db.transaction().execute(async (trx) => {
    const back = kept.versions.at(-1);
    await sql`delete from job_summary where version > ${back}`.execute(trx);
    await sql`update log_position set version = ${back}`.execute(trx);
  });
  expect((await rowsInTable()).has(lost.ref.jobId)).toBe(false);
  await untilRead(last.versions.at(-1));
  const folded = await foldedRows();
  expect(await rowsInTable()).toEqual(folded);
});

test(
  'readers that are killed and stopped leave no event out, and the endings up to the position come in order',
  async () => {
    const { lastVersion } = await bus.jobs.reach();
    startProjection();
    startProjection();
    await expect.poll(async () => (await position()) !== undefined, { timeout: 30_000 }).toBe(true);
    const endings: number[] = [];
    const seen: number[] = [];
    let isOver = false;
    const look = async () => {
      const upTo = await position();
      const { rows } = await sql<{ version: number }>`
      select phase_version as version from job_summary
      where finished_at is not null and phase_version > ${Math.max(lastVersion, seen.at(-1) ?? 0)}
        and phase_version <= ${upTo ?? 0}
      order by phase_version`.execute(db);
      seen.push(...rows.map(({ version }) => version));
    };
    // Somebody reads the endings while they are written.
    const writing = (async () => {
      while (!isOver || seen.length <= 100) {
        const jobs = await Promise.all(Array.from({ length: 8 }, runJob));
        endings.push(...jobs.map(({ versions }) => versions.at(-1) ?? 0));
        await look();
        // No faster than the slowest machine reads; a reader that takes over still finds some.
        const unread = () => endings.length - seen.length;
        while (!isOver && unread() > MAX_UNREAD) await look();
      }
    })();
    const moves = async (act: () => Promise<void>) => {
      await act();
      const { lastVersion: newest } = await bus.jobs.reach();
      await untilRead(newest);
    };
    for (let each = 0; each < KILLS; each++) {
      await moves(async () => {
        const reading = await holder();
        if (reading) await end(reading, 'SIGKILL');
        startProjection();
      });
    }
    for (let each = 0; each < STOPS; each++) {
      await moves(async () => {
        const reading = await holder();
        reading?.kill('SIGSTOP');
        // Another one reads before this one comes back.
        await expect.poll(async () => (await holder()) !== reading, { timeout: 30_000 }).toBe(true);
        reading?.kill('SIGCONT');
      });
    }
    isOver = true;
    await writing;
    await untilRead(Math.max(...endings));
    await look();
    expect(seen).toEqual(endings.toSorted((a, b) => a - b));
    expect(seen.length).toBeGreaterThan(100);
    // No fact was counted twice, and none was lost.
    const { rows: counted } = await sql`
      select fact, sum(jobs)::int as jobs from job_stats group by fact order by fact`.execute(db);
    const { rows: jobs } = await sql<{ jobs: number }>`select count(*)::int as jobs from job_summary`.execute(
      db,
    );
    expect(counted).toEqual(['requested', 'started', 'succeeded'].map((fact) => ({ fact, ...jobs[0] })));
  },
  (KILLS + STOPS + 2) * 30_000,
);

test('a reader that was stopped before its rows were written moves nothing when it comes too late', async () => {
  await using proxy = await startPostgresProxy(databaseUrl);
  const late = startProjection(proxy.url);
  await runAndRead();
  using statement = proxy.hold('client', (sent) => sent.includes('insert into job_summary'));
  await runJob();
  await statement.caught;
  late.kill('SIGSTOP');
  startProjection();
  const { versions } = await runAndRead();
  using answer = proxy.hold('server', (sent) => /\bSELECT \d/.test(sent));
  statement.letGo();
  expect(await answer.caught).toContain('SELECT 0');
  expect(await position()).toBe(versions.at(-1));
  answer.letGo();
  late.kill('SIGCONT');
  await runAndRead();
  expect(await rowsInTable()).toEqual(await foldedRows());
}, 60_000);

test.each(['written', 'rolled back'])(
  'of a reader that was stopped while its rows were %s another one takes over all or nothing',
  async (outcome) => {
    const both = [startProjection(), startProjection()];
    const job = await runAndRead([]);
    const stopped = await holder();
    const other = both.find((each) => each !== stopped);
    const lock = await db.startTransaction().execute();
    resources.at(-1)?.defer(() =>
      lock
        .rollback()
        .execute()
        .catch(() => {}),
    );
    await sql`select from job_summary where job_id = ${job.ref.jobId} for update`.execute(lock);
    await append(job, FACTS);
    const pid = await untilBlocked('with moved as');
    stopped?.kill('SIGSTOP');
    // More than it has taken is on its way to it.
    for (let each = 0; each < 10; each++) await runJob();
    await untilBlocked('update log_position set holder');
    expect(await position()).toBe(job.versions[0]);
    if (outcome === 'rolled back') await sql`select pg_terminate_backend(${pid})`.execute(db);
    await lock.rollback().execute();
    const last = await runAndRead();
    expect(await holder()).toBe(other);
    stopped?.kill('SIGCONT');
    await runAndRead();
    expect(await position()).toBeGreaterThan(last.versions.at(-1) ?? 0);
    expect(await rowsInTable()).toEqual(await foldedRows());
  },
  60_000,
);

test('what a crash of Postgres takes after its commit is read again, also if it has left the log since', async () => {
  await using postgres = await startTestPostgres();
  useDatabase(postgres.url);
  const reading = startProjection();
  const kept = await runAndRead();
  const [database] = (await sql<{ name: string }>`select current_database() as name`.execute(db)).rows;
  // From the restart on a commit is on disk ten seconds later, or with a checkpoint.
  await sql`alter database ${sql.id(database?.name ?? '')} set synchronous_commit = off`.execute(db);
  await sql`alter system set wal_writer_delay = '10s'`.execute(db);
  await end(reading, 'SIGKILL');
  await postgres.restart();
  const hasty = startProjection();
  await expect.poll(() => holder().catch(() => undefined), { timeout: 30_000 }).toBe(hasty);
  /** Runs a job that is in the table and has left the log when Postgres crashes. */
  async function crash(): Promise<WrittenJob> {
    await sql`checkpoint`.execute(db);
    const job = await runAndRead();
    await expect.poll(() => bus.audit.version()).toBe(job.versions.at(-1));
    await rawNatsRequest(nats.url, '$JS.API.STREAM.PURGE.JOBS', { seq: (job.versions.at(-1) ?? 0) + 1 });
    hasty.kill('SIGSTOP');
    await postgres.kill();
    await postgres.restart();
    await expect.poll(position, { timeout: 30_000 }).toBeDefined();
    return job;
  }
  let before = kept;
  let lost = await crash();
  // On a machine that stood still for ten seconds it was on disk.
  while ((await position()) !== before.versions.at(-1)) {
    hasty.kill('SIGCONT');
    await untilRead(lost.versions.at(-1));
    before = lost;
    lost = await crash();
  }
  expect((await rowsInTable()).has(lost.ref.jobId)).toBe(false);
  hasty.kill('SIGCONT');
  await untilRead(lost.versions.at(-1));
  expect(await rowsInTable()).toEqual(await foldedRows());
}, 180_000);

test('an event that is redriven behind the position is in its row, and the position stays', async () => {
  startProjection();
  await runAndRead();
  await forbidExecutor(db, 'unwanted');
  const [, ended] = FACTS;
  const started: JobFact = { type: 'JobStarted', data: { attempt: 1, executor_id: 'unwanted' } };
  const job = await runAndRead(ended && [started, ended]);
  const { versions } = await runAndRead();
  const parked = (await bus.deadLetters.list({ afterId: 0, limit: 100 })).find(
    ({ version }) => version === job.versions[1],
  );
  expect(parked?.consumer).toBe(PROJECTION_READER.name);
  await sql`alter table job_summary drop constraint forbidden`.execute(db);
  expect(await bus.deadLetters.redrive(parked?.id ?? 0)).toBe(true);
  const folded = await foldedRows();
  await expect.poll(rowsInTable).toEqual(folded);
  expect(await position()).toBe(versions.at(-1));
});
