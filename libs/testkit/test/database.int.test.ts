import pg from 'pg';
import { expect, test } from 'vitest';
import { createTestDatabase } from '../src/database.ts';

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

test('two test databases do not see each other', async () => {
  await using one = await createTestDatabase();
  await using other = await createTestDatabase();
  await query(one.url, 'CREATE TABLE mine (id int)');
  const tables = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'";
  expect(await query(one.url, tables)).toEqual([{ tablename: 'mine' }]);
  expect(await query(other.url, tables)).toEqual([]);
});

test('a disposed test database is gone, open sessions or not', async () => {
  const database = await createTestDatabase();
  const session = new pg.Client({ connectionString: database.url });
  const ended = new Promise((resolve) => session.on('error', resolve));
  await session.connect();
  await database[Symbol.asyncDispose]();
  await ended;
  await expect(query(database.url, 'SELECT 1')).rejects.toMatchObject({ code: '3D000' });
});
