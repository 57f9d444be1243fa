import { uuidV7Floor } from '@errand/contracts';
import { createTestDatabase, type TestDatabase } from '@errand/testkit';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Db, openDatabase } from '../src/connect.ts';
import { createDailyPartitions } from '../src/daily-partitions.ts';
import { migrate } from '../src/migrate.ts';

const DAY_MS = 86_400_000;
const NOON = Date.UTC(2026, 4, 10, 12);

let database: TestDatabase;
let db: Db;
beforeAll(async () => {
  database = await createTestDatabase();
  db = openDatabase({ url: database.url, name: 'test', poolSize: 10 });
});
afterAll(async () => {
  await db?.destroy();
  await database?.[Symbol.asyncDispose]();
});

async function partitionNames(): Promise<string[]> {
  const { rows } = await sql<{ name: string }>`
    select inhrelid::regclass::text as name from pg_inherits
    where inhparent = 'webhook_attempt'::regclass order by 1`.execute(db);
  return rows.map(({ name }) => name);
}

test('ten processes may migrate an empty database at once', async () => {
  await Promise.all(Array.from({ length: 10 }, () => migrate(db)));
  await migrate(db);
});

test('partitions are made by day, also by many processes at once', async () => {
  const ids = [NOON - DAY_MS, NOON, NOON + 1, NOON + DAY_MS].map(uuidV7Floor);
  await Promise.all(
    Array.from({ length: 8 }, () => createDailyPartitions(db, 'webhook_attempt').ensureFor(ids)),
  );
  expect(await partitionNames()).toEqual([
    'webhook_attempt_20260509',
    'webhook_attempt_20260510',
    'webhook_attempt_20260511',
  ]);
});

test('a partition is dropped once its whole day has passed', async () => {
  const partitions = createDailyPartitions(db, 'webhook_attempt');
  const dayAfter = Date.UTC(2026, 4, 11);
  expect(await partitions.dropBefore(dayAfter - 1)).toEqual(['webhook_attempt_20260509']);
  expect(await partitions.dropBefore(dayAfter)).toEqual(['webhook_attempt_20260510']);
  expect(await partitionNames()).toEqual(['webhook_attempt_20260511']);
});

test('a dropped day can be created again', async () => {
  const partitions = createDailyPartitions(db, 'webhook_attempt');
  const id = uuidV7Floor(NOON);
  await partitions.ensureFor([id]);
  await partitions.dropBefore(NOON + DAY_MS);
  await partitions.ensureFor([id]);
  expect(await partitionNames()).toContain('webhook_attempt_20260510');
});

test('days of another length have partitions of their own, which are dropped as days are', async () => {
  const partitions = createDailyPartitions(db, 'webhook_message', 2_500);
  const start = Math.ceil(NOON / 2_500) * 2_500;
  await partitions.ensureFor([start, start + 2_499, start + 2_500].map(uuidV7Floor));
  expect(await partitions.dropBefore(start + 2_499)).toEqual([]);
  expect(await partitions.dropBefore(start + 2_500)).toEqual(['webhook_message_20260510120000000']);
  await partitions.ensureFor([uuidV7Floor(start)]);
  expect((await partitions.dropBefore(start + 5_000)).sort()).toEqual([
    'webhook_message_20260510120000000',
    'webhook_message_20260510120002500',
  ]);
});
