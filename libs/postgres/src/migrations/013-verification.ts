import { type Kysely, sql } from 'kysely';

/** Comparisons with the log: the one under way, and the newest ones that are over. */
export async function createVerification<T>(db: Kysely<T>): Promise<void> {
  await sql`
    create table verification (
      verification_id uuid primary key,
      state text not null,
      tenant_id text,
      since timestamptz,
      started_at timestamptz not null,
      ended_at timestamptz,
      step text,
      percent real,
      checked jsonb not null,
      error text,
      report jsonb
    )`.execute(db);
  await sql`create unique index verification_running on verification (state) where state = 'running'`.execute(
    db,
  );
}
