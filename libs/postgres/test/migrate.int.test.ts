import { createTestDatabase } from '@errand/testkit';
import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { migrate, openDatabase } from '../src/index.ts';

test('a database that a later version has migrated is taken as it is', async () => {
  await using database = await createTestDatabase();
  await using db = openDatabase({ url: database.url, name: 'test', poolSize: 1 });
  await migrate(db);
  await sql`insert into kysely_migration (name, timestamp) values ('999-later', ${new Date().toISOString()})`.execute(
    db,
  );
  await migrate(db);
  const { rows } = await sql<{ name: string }>`select name from kysely_migration order by name`.execute(db);
  expect(rows.at(-1)?.name).toBe('999-later');
});
