import { createTestDatabase, waitUntil } from '@errand/testkit';
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

test('a migration may take longer than other statements', async () => {
  await using database = await createTestDatabase();
  const { url } = database;
  await using db = openDatabase({ url, name: 'migrating', poolSize: 1, statementTimeoutMs: 100 });
  await using other = openDatabase({ url, name: 'test', poolSize: 2 });
  await migrate(other);
  await sql`alter table job_summary drop column waits_for`.execute(other);
  await sql`delete from kysely_migration where name = '015-waits-for'`.execute(other);
  const migrating = await other.transaction().execute(async (trx) => {
    // The new column waits for this reader.
    await sql`select from job_summary`.execute(trx);
    const migrated = migrate(db);
    const settled = migrated.then(
      () => true,
      () => true,
    );
    const longAgo = sql`clock_timestamp() - interval '1.3 seconds'`;
    const waits = sql`
      select from pg_stat_activity
      where application_name = 'migrating' and wait_event_type = 'Lock' and query_start < ${longAgo}`;
    await waitUntil(
      async () => (await waits.execute(other)).rows.length > 0 || Promise.race([settled, false]),
    );
    return { migrated };
  });
  await migrating.migrated;
  await sql`select waits_for from job_summary`.execute(db);
  const { rows } = await sql`show statement_timeout`.execute(db);
  expect(rows).toEqual([{ statement_timeout: '100ms' }]);
});
