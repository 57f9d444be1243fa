import { createTestDatabase } from '@errand/testkit';
import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { openDatabase } from '../src/connect.ts';
import { mendRequests } from '../src/migrations/006-searchable-requests.ts';

test('requests that no filter could look into are mended, and others stay as they are', async () => {
  await using database = await createTestDatabase();
  await using db = openDatabase({ url: database.url, name: 'test', poolSize: 1 });
  await sql`create table job_summary (id int, request json)`.execute(db);
  const requests = [
    String.raw`{"a":"\u0000 \\\ud800 \\u0000"}`,
    String.raw`{ "a": "\\u0000 \ud83d\ude00" }`,
    'null',
  ];
  for (const [id, request] of requests.entries())
    await sql`insert into job_summary values (${id}, ${request})`.execute(db);
  await mendRequests(db);
  const { rows } = await sql<{ text: string }>`
    select request::text as text from job_summary order by id`.execute(db);
  expect(rows.map(({ text }) => text)).toEqual([
    '{"a":"\ufffd \\\\\ufffd \\\\u0000"}',
    requests[1],
    requests[2],
  ]);
});
