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
import { createTestDatabase, rawNatsRequest, startTestNats, type TestNats } from '@errand/testkit';
import { sql } from 'kysely';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';

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
  const database = stack.use(await createTestDatabase());
  databaseUrl = database.url;
  db = openDatabase({ url: databaseUrl, name: 'test', poolSize: 2 });
  stack.defer(() => db.destroy());
});
afterEach(async () => {
  await Promise.all([...projections].map((each) => end(each, 'SIGKILL')));
  for (const stack of resources.splice(0)) await stack.disposeAsync();
});
afterAll(async () => {
  await bus?.[Symbol.asyncDispose]();
  await nats?.[Symbol.asyncDispose]();
});

function startProjection(): ChildProcess {
  const child = spawn(process.execPath, [MAIN], {
    env: {
      PATH: process.env.PATH,
      NATS_URL: nats.url,
      DATABASE_URL: databaseUrl,
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

async function runJob(): Promise<{ ref: JobRef; versions: number[] }> {
  const ref = { tenantId: 'acme', action: 'add', jobId: randomUUIDv7() };
  const versions: number[] = [];
  for (const fact of [{ type: 'JobRequested', data: REQUEST } as const, ...FACTS]) {
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
  return { ref, versions };
}

const position = () => readLogPosition(db, PROJECTION_READER.name).catch(() => undefined);
const untilRead = async (version: number | undefined, timeout = 30_000) =>
  expect.poll(position, { timeout }).toBeGreaterThanOrEqual(version ?? 0);
async function holder(): Promise<ChildProcess | undefined> {
  const { rows } = await sql<{ holder: string | null }>`select holder from log_position`.execute(db);
  const pid = Number(rows[0]?.holder?.split(' ')[0]);
  return [...projections].find((each) => each.pid === pid);
}

async function rowsInTable(): Promise<Map<string, JobState>> {
  const rows = await db.selectFrom('job_summary').selectAll().execute();
  return new Map(rows.map((row) => [row.job_id, stateOfRow(row)]));
}

/** What the audit log says of every job since a version. */
async function foldedRows(sinceVersion: number): Promise<Map<string, JobState>> {
  const states = new Map<string, JobState>();
  const afterPosition = await bus.audit.positionBefore(sinceVersion);
  for await (const { entries } of bus.audit.read({ afterPosition })) {
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
  const first = await runJob();
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
  const folded = await foldedRows(first.versions[0] ?? 0);
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
      while (!isOver) {
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
