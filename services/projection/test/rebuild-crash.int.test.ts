import { type ChildProcess, fork } from 'node:child_process';
import { randomUUIDv7 } from 'node:crypto';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { type Bus, openBus } from '@errand/bus';
import { DEFAULT_TOPOLOGY, type JobFact, type RecordedEvent, toJobEvent } from '@errand/contracts';
import { foldJob } from '@errand/domain';
import { REQUEST } from '@errand/domain/testing';
import { type Db, openDatabase, openSession, stateOfRow } from '@errand/postgres';
import {
  createTestDatabase,
  startTestNats,
  type TestDatabase,
  type TestNats,
  waitUntil,
} from '@errand/testkit';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';

const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url));
const TIMEOUT_MS = 180_000;

let nats: TestNats;
let database: TestDatabase;
let bus: Bus;
let db: Db;
const processes: ChildProcess[] = [];
const log = new Map<string, RecordedEvent[]>();

beforeAll(async () => {
  nats = await startTestNats();
  database = await createTestDatabase();
  bus = await openBus({ servers: nats.url, name: 'test', topology: DEFAULT_TOPOLOGY });
  db = openDatabase({ url: database.url, name: 'test', poolSize: 4 });
});
afterAll(async () => {
  await Promise.all(processes.map(kill));
  await db?.destroy();
  await bus?.[Symbol.asyncDispose]();
  await database?.[Symbol.asyncDispose]();
  await nats?.[Symbol.asyncDispose]();
});

function startProcess(): ChildProcess {
  const env = {
    PATH: process.env.PATH,
    NATS_URL: nats.url,
    DATABASE_URL: database.url,
    ERRAND_OPS_PORT: '0',
    ERRAND_LOG_LEVEL: 'warn',
    ERRAND_PROJECTION_REBUILD_LOOK_MS: '50',
    ERRAND_PROJECTION_REBUILD_PAGE: '10',
    ERRAND_PROJECTION_DEADLINE_SWEEP_MS: '600000',
  };
  const child = fork(MAIN, [], { env, stdio: 'inherit' });
  processes.push(child);
  return child;
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

async function append(jobIds: readonly string[], fact: JobFact): Promise<void> {
  for (const jobId of jobIds) {
    const ref = { tenantId: 'acme', action: 'add', jobId };
    const recorded = log.get(jobId) ?? [];
    const about = { id: randomUUIDv7(), jobId, source: '/errand/test', timeMs: Date.now() } as const;
    const event = toJobEvent(fact, about);
    const outcome = await bus.jobs.append({ ref, event, expectedVersion: recorded.at(-1)?.version ?? 0 });
    if (outcome.kind !== 'appended') throw new Error(outcome.kind);
    log.set(jobId, [...recorded, { ref, version: outcome.version, event }]);
  }
}

const newJobs = (count: number) => Array.from({ length: count }, () => randomUUIDv7());
const requested: JobFact = { type: 'JobRequested', data: REQUEST };
const started: JobFact = { type: 'JobStarted', data: { attempt: 1, executor_id: 'e' } };
const succeeded: JobFact = {
  type: 'JobSucceeded',
  data: { attempt: 1, result: [1, 'ä\t\\n'], duration_ms: 1 },
};

const folded = () => [...log.keys()].sort().map((jobId) => foldJob(log.get(jobId) ?? []));
async function rows() {
  return (await db.selectFrom('job_summary').selectAll().orderBy('job_id').execute()).map(stateOfRow);
}
const readRow = (trx: Db) => trx.selectFrom('projection_rebuild').selectAll();

/** Whoever rebuilds waits in the middle of what is to bring it behind a place in the log, until it is killed there. */
async function stopBehind(position: number) {
  const gate = await openSession({ url: database.url, name: 'test' });
  const key = sql`hashtext('gate')`;
  await sql`select pg_advisory_lock(${key})`.execute(gate.db);
  await sql`
    create or replace function wait_at_gate() returns trigger language plpgsql as $$ begin
      perform pg_advisory_xact_lock_shared(hashtext('gate'));
      return new;
    end $$`.execute(db);
  await sql`
    create or replace trigger gated before update on projection_rebuild for each row
    when (new.position > ${sql.lit(position)}) execute function wait_at_gate()`.execute(db);
  const waiting = sql<{ pid: number }>`
    select pid from pg_locks where locktype = 'advisory' and not granted
    and database = (select oid from pg_database where datname = current_database())`;
  return {
    /** Resolves with the place up to which all was written. */
    async kill(child: ChildProcess): Promise<number> {
      const pid = await waitUntil(async () => (await waiting.execute(db)).rows[0]?.pid, {
        timeoutMs: 60_000,
      });
      const row = await readRow(db).executeTakeFirstOrThrow();
      expect(row.state).toBe('reading');
      await kill(child);
      // What it left behind is not to go on.
      await sql`select pg_terminate_backend(${pid})`.execute(db);
      await waitUntil(async () => (await waiting.execute(db)).rows.length === 0);
      await sql`drop trigger gated on projection_rebuild`.execute(db);
      await gate[Symbol.asyncDispose]();
      return row.position;
    },
  };
}

test(
  'a rebuild is carried on after each kill -9, with jobs from before and behind it, and no row is missing or old',
  async () => {
    const first = startProcess();
    await waitUntil(
      async () => (await bus.commands.askProjection('rebuild_status', { projection: 'job_summary' })).kind,
      {
        timeoutMs: 60_000,
      },
    );
    // More than are held, so some are let go early; and some are held when the process dies.
    const long = newJobs(15);
    const unfinished = newJobs(3);
    await append([...long, ...unfinished], requested);
    await append(long, started);
    for (let round = 0; round < 12; round++) {
      const short = newJobs(8);
      for (const fact of [requested, started, succeeded]) await append(short, fact);
    }
    await append(long, succeeded);
    await append(unfinished, started);
    await waitUntil(
      async () => {
        expect(await rows()).toEqual(folded());
        return true;
      },
      { timeoutMs: 60_000 },
    );

    // Nothing is taken over from the table in use.
    await db.deleteFrom('job_summary').execute();
    const early = await stopBehind(40);
    await bus.commands.askProjection('rebuild', { projection: 'job_summary' });
    const reached = await early.kill(first);
    const late = await stopBehind(120);
    const second = startProcess();
    expect(await late.kill(second)).toBeGreaterThan(reached);
    startProcess();
    const row = await waitUntil(
      async () => {
        const now = await readRow(db).executeTakeFirstOrThrow();
        return now.state === 'done' ? now : undefined;
      },
      { timeoutMs: 60_000 },
    );
    expect(await rows()).toEqual(folded());
    expect(row).toMatchObject({ events: [...log.values()].flat().length, skipped: 0 });
  },
  TIMEOUT_MS,
);
