import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestPostgres, type TestPostgres } from '../src/postgres.ts';

/** It checks neither its connection nor its parent, so it outlives both for a second or so. */
const BUSY = 'DO $$ BEGIN FOR i IN 1..40000000 LOOP END LOOP; END $$';

let postgres: TestPostgres;

beforeAll(async () => {
  postgres = await startTestPostgres();
});

afterAll(async () => {
  await postgres[Symbol.asyncDispose]();
});

async function connect(): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: postgres.url });
  await client.connect();
  return client;
}

test('committed rows survive kill -9 with a backend still at work', async () => {
  const client = await connect();
  const broken = new Promise((resolve) => client.on('error', resolve));
  await client.query('CREATE TABLE kept (id int); INSERT INTO kept VALUES (7)');
  const atWork = client.query(BUSY).catch((error: Error) => error);
  await postgres.kill();
  await expect(connect()).rejects.toThrow();
  await postgres.restart();
  await Promise.all([broken, atWork]);
  const again = await connect();
  expect((await again.query('SELECT id FROM kept')).rows).toEqual([{ id: 7 }]);
  await again.end();
});
