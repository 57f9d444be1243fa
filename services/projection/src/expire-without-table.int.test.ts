import { randomUUIDv7 } from 'node:crypto';
import { type Bus, openBus } from '@errand/bus';
import { type JobFact, type JobRef, toJobEvent } from '@errand/contracts';
import { foldJob } from '@errand/domain';
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
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { settings } from './config.ts';
import { startProjection } from './start.ts';

let nats: TestNats;
let database: TestDatabase;
let bus: Bus;
let beganMs: number;
beforeAll(async () => {
  beganMs = Date.now();
  nats = await startTestNats();
  database = await createTestDatabase();
  bus = await openBus({ servers: nats.url, name: 'test', topology: configOf(database.url) });
});
afterAll(async () => {
  await bus?.[Symbol.asyncDispose]();
  await database?.[Symbol.asyncDispose]();
  await nats?.[Symbol.asyncDispose]();
});

function configOf(databaseUrl: string) {
  return parseConfig(settings, {
    NATS_URL: nats.url,
    DATABASE_URL: databaseUrl,
    ERRAND_OPS_PORT: '0',
    ERRAND_PROJECTION_DEADLINE_SWEEP_MS: '50',
  });
}

const context = (signal = new AbortController().signal, now = Date.now) => ({
  ...{ signal, now, log: createLogger({ service: 'projection', level: 'silent' }) },
  fail: (error: unknown) => void Promise.reject(error),
});
const inMs = (ms: number) => new Date(Date.now() + ms).toISOString();
const started: JobFact = { type: 'JobStarted', data: { attempt: 1, executor_id: 'e' } };

/** Appends a job's first events; with its newest version. */
async function job(
  deadlines: { start_by?: string; finish_by?: string },
  more: JobFact[] = [],
): Promise<JobRef> {
  const ref = { tenantId: 'acme', action: 'add', jobId: randomUUIDv7() };
  const data = { ...REQUEST, finish_by: inMs(3_600_000), ...deadlines };
  let expectedVersion = 0;
  for (const fact of [{ type: 'JobRequested' as const, data }, ...more]) {
    const about = {
      id: randomUUIDv7(),
      jobId: ref.jobId,
      source: '/errand/test',
      timeMs: Date.now(),
    } as const;
    const outcome = await bus.append({ ref, event: toJobEvent(fact, about), expectedVersion });
    if (outcome.kind !== 'appended') throw new Error(outcome.kind);
    expectedVersion = outcome.version;
  }
  return ref;
}

const statusOf = async (ref: JobRef) => foldJob(await bus.readJob(ref))?.phase.value.status;
const untilExpired = (...refs: JobRef[]) =>
  waitUntil(async () => (await Promise.all(refs.map(statusOf))).every((status) => status === 'expired'), {
    timeoutMs: 20_000,
  });

test('a projection that has never seen Postgres ends what is overdue, and nothing else', async () => {
  const stop = new AbortController();
  const starting = startProjection(configOf('postgres://errand@127.0.0.1:1/errand'), context(stop.signal));
  const late = await job({ finish_by: inMs(300) });
  const unbegun = await job({ start_by: inMs(300) });
  const begun = await job({ start_by: inMs(300) }, [started]);
  const ended = await job({ finish_by: inMs(300) }, [
    started,
    { type: 'JobSucceeded', data: { attempt: 1, result: 1, duration_ms: 1 } },
  ]);
  await untilExpired(late, unbegun);
  expect([await statusOf(begun), await statusOf(ended)]).toEqual(['running', 'succeeded']);
  stop.abort();
  await Promise.allSettled([starting]);
});

test('jobs whose deadlines pass while Postgres is away end all the same', async () => {
  await using _ = await startProjection(configOf(database.url), context());
  await using resources = new AsyncDisposableStack();
  const admin = openDatabase({ url: inject('postgresAdminUrl'), name: 'test', poolSize: 1 });
  resources.defer(() => admin.destroy());
  const db = openDatabase({ url: database.url, name: 'test', poolSize: 1 });
  const before = await job({ finish_by: inMs(4_000) });
  await waitUntil(
    async () =>
      (await db.selectFrom('job_summary').select('job_id').where('job_id', '=', before.jobId).execute())
        .length === 1,
  );
  await db.destroy();
  const name = new URL(database.url).pathname.slice(1);
  await sql`alter database ${sql.id(name)} allow_connections false`.execute(admin);
  await sql`select pg_terminate_backend(pid) from pg_stat_activity where datname = ${name}`.execute(admin);
  const meanwhile = await job({ finish_by: inMs(500) });
  await untilExpired(before, meanwhile);
  await sql`alter database ${sql.id(name)} allow_connections true`.execute(admin);
});

test('a clock that differs from that of the log ends no job early', async () => {
  await using _ = await startProjection(
    configOf(database.url),
    context(undefined, () => Date.now() + 600_000),
  );
  const late = await job({ finish_by: inMs(500) });
  const early = await job({ finish_by: inMs(300_000) });
  await untilExpired(late);
  expect(await statusOf(early)).toBe('queued');
});

test('a job of a log that was lost is told to have expired once its deadline is behind it', async () => {
  await using fresh = await startTestNats();
  const ref = await job({ finish_by: inMs(1_500) });
  const db = openDatabase({ url: database.url, name: 'test', poolSize: 1 });
  const rowOf = () =>
    db.selectFrom('job_summary').select('status').where('job_id', '=', ref.jobId).executeTakeFirst();
  {
    await using _ = await startProjection(configOf(database.url), context());
    await waitUntil(async () => (await rowOf())?.status === 'queued');
  }
  // Versions tell logs apart that were made in different seconds.
  await waitUntil(() => Date.now() - beganMs > 1_000);
  const config = { ...configOf(database.url), natsUrl: fresh.url };
  await using _ = await startProjection(config, context());
  await waitUntil(async () => (await rowOf())?.status === 'expired', { timeoutMs: 20_000 });
  await db.destroy();
});
