import { randomUUIDv7 } from 'node:crypto';
import type { JobEvent, JobFact } from '@errand/contracts';
import { foldJob } from '@errand/domain';
import { anyFacts, REQUEST, record } from '@errand/domain/testing';
import {
  createDailyPartitions,
  type Db,
  migrate,
  openDatabase,
  stateOfRow,
  throughRow,
} from '@errand/postgres';
import { createTestDatabase, type TestDatabase } from '@errand/testkit';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { findOverdueBelow } from '../src/live/job-rows.ts';
import { onJobEvents } from '../src/live/on-job-events.ts';
import { differingGroups } from '../src/verify/compare-row.ts';

let database: TestDatabase;
const replicas: Db[] = [];
beforeAll(async () => {
  database = await createTestDatabase();
  for (const name of ['left', 'right']) {
    replicas.push(openDatabase({ url: database.url, name, poolSize: 2 }));
  }
  await Promise.all(replicas.map((db) => migrate(db)));
});
afterAll(async () => {
  await Promise.all(replicas.map((db) => db.destroy()));
  await database?.[Symbol.asyncDispose]();
});

async function project(db: Db | undefined, events: ReturnType<typeof record>, nowMs = Date.now()) {
  if (!db) throw new Error('no database');
  return onJobEvents(events, { db, partitions: createDailyPartitions(db, 'job_summary'), nowMs });
}

async function stateInTable(jobId: string) {
  const row = await replicas[0]
    ?.selectFrom('job_summary')
    .selectAll()
    .where('job_id', '=', jobId)
    .executeTakeFirst();
  return row && stateOfRow(row);
}

test('any order, any repetition and any split over two replicas give the row that the fold gives', async () => {
  const deliveries = anyFacts.chain((facts) =>
    fc.tuple(
      fc.constant(facts),
      // Which event is delivered, to which replica, and whether the batch ends behind it.
      fc.array(fc.tuple(fc.nat(facts.length - 1), fc.boolean(), fc.boolean()), { maxLength: 20 }),
    ),
  );
  await fc.assert(
    fc.asyncProperty(deliveries, async ([facts, extra]) => {
      const ref = { tenantId: 'acme', action: 'add', jobId: randomUUIDv7() };
      const events = record(facts).map((recorded) => ({ ...recorded, ref }));
      const once = events.map((_, index) => [index, index % 2 === 0, index % 3 === 0] as const);
      const batches: [typeof events, typeof events] = [[], []];
      const flushing: Promise<unknown>[] = [];
      for (const [index, toLeft, endsBatch] of [...extra, ...once].reverse()) {
        const side = toLeft ? 0 : 1;
        const event = events[index];
        if (event) batches[side].push(event);
        if (endsBatch) flushing.push(project(replicas[side], batches[side].splice(0)));
      }
      await Promise.all([...flushing, project(replicas[0], batches[0]), project(replicas[1], batches[1])]);
      expect(await stateInTable(ref.jobId)).toEqual(foldJob(events));
    }),
    { numRuns: 150 },
  );
});

test('text that Postgres cannot decode stays as the log has it', async () => {
  const ref = { tenantId: 'acme', action: 'add', jobId: randomUUIDv7() };
  const result = { 'odd\u0000key': 'nul \u0000, half a pair \ud800, quote " and \\', z: 1, a: [1.5e300] };
  const events = record([{ type: 'JobSucceeded', data: { attempt: 1, result, duration_ms: 1 } }]);
  await project(
    replicas[0],
    events.map((recorded) => ({ ...recorded, ref })),
  );
  const state = await stateInTable(ref.jobId);
  expect(JSON.stringify(state?.outcome.value.result)).toBe(JSON.stringify(result));
});

test('events of a job whose summary has expired are passed over', async () => {
  const ref = { tenantId: 'acme', action: 'add', jobId: randomUUIDv7() };
  const events = record([{ type: 'JobDue', data: { reason: 'retry' } }]).map((recorded) => ({
    ...recorded,
    ref,
  }));
  expect(await project(replicas[0], events, Date.now() + 8 * 86_400_000)).toBe(0);
  expect(await stateInTable(ref.jobId)).toBeUndefined();
});

test('overdue jobs are drawn in any order, so that those which cannot be expired hide no others', async () => {
  const [db] = replicas;
  if (!db) throw new Error('no database');
  const jobs = Array.from({ length: 3 }, () => randomUUIDv7());
  const finish_by = '2020-01-01T00:00:00.000Z';
  for (const jobId of jobs) {
    const [requested] = record([{ type: 'JobRequested', data: { ...REQUEST, finish_by } }]);
    if (!requested) throw new Error('nothing recorded');
    await project(db, [{ ...requested, ref: { ...requested.ref, jobId } }]);
  }
  const drawn = new Set<string>();
  for (let draws = 0; draws < 200 && drawn.size < jobs.length; draws++) {
    const found = await findOverdueBelow(db, {
      version: 1_000,
      nowMs: Date.parse('2020-01-02T00:00:00Z'),
      limit: 1,
    });
    expect(found.length).toBe(1);
    for (const { jobId } of found) drawn.add(jobId);
  }
  expect([...drawn].toSorted()).toEqual(jobs.toSorted());
});

/** What a writer of another make may say, and Postgres cannot hold. */
const oddText = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom('\u0000', 'a\ud800b', '\\u0000', '\\\\u0000\udfff', '\u{1f600}', '\t\n\r\\N'),
);
const oddInstant = fc.constantFrom(
  '0000-01-01T00:00:00Z',
  '9999-12-31T23:59:59.9999999Z',
  '2026-01-31T12:00:00.99999999999Z',
  '2026-01-31T12:00:00Z',
);
const oddFacts = fc
  .tuple(oddText, oddText, oddInstant, fc.constantFrom(1, 2 ** 31, 2 ** 53 - 1))
  .map(([text, other, instant, attempt]): JobFact[] => [
    {
      type: 'JobRequested',
      data: {
        ...REQUEST,
        ...{
          requested_by: text,
          resource: { design_id: other },
          metadata: { order: text.toWellFormed(), [`k${other}`.slice(0, 64).toWellFormed()]: '' },
        },
        finish_by: instant,
        start_after: instant,
        webhook: { url: `http://h/?${text}`, events: ['job.failed'] },
      },
    },
    { type: 'JobStarted', data: { attempt, executor_id: text } },
    { type: 'JobProgressed', data: { attempt, percent: 0.5, message: other.slice(0, 500) } },
    {
      type: 'JobRetrying',
      data: { attempt, error: { code: `c${text}`.slice(0, 100), message: other }, retry_at: instant },
    },
    { type: 'JobCancelRequested', data: { by: text } },
    { type: 'JobSucceeded', data: { attempt, result: { [text]: other }, duration_ms: 1 } },
  ]);

test('whatever an event says, it is in its row, which is what a comparison with the log expects', async () => {
  await fc.assert(
    fc.asyncProperty(oddFacts, fc.nat(5), async (facts, count) => {
      const ref = { tenantId: 'acme', action: 'add', jobId: randomUUIDv7() };
      const events = record(facts.slice(0, count + 1)).map(({ version, event }) => ({
        ref,
        version,
        event: {
          ...event,
          time: facts[0]?.type === 'JobRequested' ? facts[0].data.finish_by : event.time,
        } as JobEvent,
      }));
      await project(replicas[0], events);
      const folded = foldJob(events);
      const row = await stateInTable(ref.jobId);
      expect(row).toEqual(folded && throughRow(folded));
      expect(row && folded && differingGroups(row, folded)).toEqual([]);
    }),
    { numRuns: 200 },
  );
  // Whoever looks into requests finds none that cannot be read.
  await expect(
    findOverdueBelow(replicas[0] as Db, { version: 1, nowMs: 0, limit: 1 }),
  ).resolves.toBeDefined();
});
