import { createTestDatabase } from '@errand/testkit';
import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { openDatabase } from '../src/connect.ts';
import { createDatabaseClock } from '../src/database-clock.ts';

const MINUTES_MS = 600_000;

test.each([MINUTES_MS, -MINUTES_MS])(
  'a machine whose clock is %d ms off uses that of Postgres',
  async (offMs) => {
    await using database = await createTestDatabase();
    const db = openDatabase({ url: database.url, name: 'test', poolSize: 1 });
    const clock = createDatabaseClock(db, () => Date.now() + offMs);
    await clock.sync();
    const { rows } = await sql<{ at: Date }>`select clock_timestamp() as at`.execute(db);
    const differsMs = clock.now() - (rows[0]?.at.getTime() ?? 0);
    expect(Math.round(differsMs / MINUTES_MS)).toBe(0);
    await db.destroy();
    await expect(clock.sync()).rejects.toThrow();
    expect(Math.round((clock.now() - Date.now()) / MINUTES_MS)).toBe(0);
  },
);
