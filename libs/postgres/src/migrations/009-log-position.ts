import { type Kysely, sql } from 'kysely';

/** Readers of the log write down how far they have come together with what they make of it. */
export async function createLogPosition<T>(db: Kysely<T>): Promise<void> {
  await sql`
    create table log_position (
      reader text primary key,
      version bigint not null,
      holder text,
      held_until timestamptz
    ) with (fillfactor = 50)`.execute(db);
}
