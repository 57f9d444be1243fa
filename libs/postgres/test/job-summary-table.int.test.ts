import { createTestDatabase } from '@errand/testkit';
import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { openDatabase } from '../src/connect.ts';
import { type Column, jobSummaryColumns } from '../src/job-summary/columns.ts';
import { createJobSummaryTable } from '../src/job-summary/definition.ts';

const JOB_ID = '019a0000-0000-7000-8000-000000000000';
const TIME = '2026-01-31T12:00:00.000Z';
const VALUES = { uuid: JOB_ID, text: 'a', int: 0, bigint: 0, timestamptz: TIME, json: '[]' };

test('a process that does not know of a newer column writes rows into the table of a rebuild', async () => {
  await using database = await createTestDatabase();
  await using db = openDatabase({ url: database.url, name: 'test', poolSize: 1 });
  const known = jobSummaryColumns();
  const newer: [string, Column<number>] = ['note_version', { type: 'bigint', nullable: false, default: '7' }];
  await createJobSummaryTable(db, 'rebuilt', [...known, newer]);
  await sql`create table rebuilt_all partition of rebuilt default`.execute(db);
  const columns = sql.join(known.map(([name]) => sql.ref(name)));
  await sql`
    insert into rebuilt (${columns}) values (${sql.join(known.map(([, { type }]) => VALUES[type]))})`.execute(
    db,
  );
  const { rows } = await sql`select job_id, note_version from rebuilt`.execute(db);
  expect(rows).toEqual([{ job_id: JOB_ID, note_version: 7 }]);
});
