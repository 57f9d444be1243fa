import { randomUUIDv7 } from 'node:crypto';
import { type Bus, openBus } from '@errand/bus';
import { type JobRef, toJobEvent } from '@errand/contracts';
import { REQUEST } from '@errand/domain/testing';
import { type Db, openDatabase } from '@errand/postgres';
import { createLogger, parseConfig } from '@errand/runtime';
import {
  createTestDatabase,
  startTestNats,
  type TestDatabase,
  type TestNats,
  waitUntil,
} from '@errand/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { settings } from '../src/config.ts';
import { startProjection } from '../src/start.ts';
import { forbidExecutor } from './refusal.ts';

let nats: TestNats;
let database: TestDatabase;
let db: Db;
let bus: Bus;
let beganMs: number;
beforeAll(async () => {
  beganMs = Date.now();
  nats = await startTestNats();
  database = await createTestDatabase();
  db = openDatabase({ url: database.url, name: 'test', poolSize: 1 });
  bus = await openBus({ servers: nats.url, name: 'test', topology: configOf(database.url) });
});
afterAll(async () => {
  await db?.destroy();
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

const context = () => ({
  signal: new AbortController().signal,
  log: createLogger({ service: 'projection', level: 'silent' }),
  fail: (error: unknown) => void Promise.reject(error),
});
const inMs = (ms: number) => new Date(Date.now() + ms).toISOString();

/** Appends a job's request. */
async function job(deadlines: { finish_by: string }): Promise<JobRef> {
  const ref = { tenantId: 'acme', action: 'add', jobId: randomUUIDv7() };
  const about = { id: randomUUIDv7(), jobId: ref.jobId, source: '/errand/test', timeMs: Date.now() } as const;
  const event = toJobEvent({ type: 'JobRequested', data: { ...REQUEST, ...deadlines } }, about);
  await bus.jobs.append({ ref, event, expectedVersion: 0 });
  return ref;
}

const rowOf = ({ jobId }: JobRef) =>
  db.selectFrom('job_summary').select('status').where('job_id', '=', jobId).executeTakeFirst();

test('an event that Postgres will never take is parked, and the others of its batch are projected', async () => {
  const bad = { tenantId: 'acme', action: 'add', jobId: randomUUIDv7() };
  const about = { id: randomUUIDv7(), jobId: bad.jobId, source: '/errand/test', timeMs: 0 } as const;
  await using _ = await startProjection(configOf(database.url), context());
  await forbidExecutor(db, 'fool');
  const data = { attempt: 1, executor_id: 'fool' };
  const event = toJobEvent({ type: 'JobStarted', data }, about);
  await bus.jobs.append({ ref: bad, event, expectedVersion: 0 });
  const good = await job({ finish_by: inMs(60_000) });
  await waitUntil(async () => (await rowOf(good))?.status === 'queued');
  const letters = await waitUntil(async () => {
    const parked = await bus.deadLetters.list({ afterId: 0, limit: 10 });
    return parked.length > 0 ? parked : undefined;
  });
  expect(letters).toMatchObject([
    { consumer: 'projection', reason: expect.stringContaining('Postgres refuses it') },
  ]);
  expect(letters[0]?.subject).toContain(bad.jobId);
});

test('a job of a log that was lost is told to have expired once its deadline is behind it', async () => {
  await using fresh = await startTestNats();
  const ref = await job({ finish_by: inMs(6_000) });
  {
    await using _ = await startProjection(configOf(database.url), context());
    await waitUntil(async () => (await rowOf(ref))?.status === 'queued');
  }
  // Versions tell logs apart that were made in different seconds.
  await waitUntil(() => Date.now() - beganMs > 1_000);
  const config = { ...configOf(database.url), natsUrl: fresh.url };
  await using _ = await startProjection(config, context());
  await waitUntil(async () => (await rowOf(ref))?.status === 'expired', { timeoutMs: 20_000 });
});
