import { type Kysely, sql } from 'kysely';

/**
 * Creates job_stats and job_failures, or with a suffix those that a rebuild fills. As all migrations together leave them; a
 * test compares.
 */
export async function createJobStatsTables<T>(db: Kysely<T>, suffix: '' | '_rebuild'): Promise<void> {
  // Rows are changed again and again, so pages keep some room.
  await sql`
    create table ${sql.table(`job_stats${suffix}`)} (
      tenant_id text not null,
      at timestamptz not null,
      action text not null,
      fact text not null,
      bin smallint not null,
      jobs bigint not null,
      primary key (tenant_id, at, action, fact, bin)
    ) with (fillfactor = 70)`.execute(db);
  await sql`
    create table ${sql.table(`job_failures${suffix}`)} (
      tenant_id text not null,
      at timestamptz not null,
      action text not null,
      code text not null,
      jobs bigint not null,
      first_seen timestamptz not null,
      last_seen timestamptz not null,
      sample_job_id uuid not null,
      primary key (tenant_id, at, action, code)
    ) with (fillfactor = 70)`.execute(db);
}
