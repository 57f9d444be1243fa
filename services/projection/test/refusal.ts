import type { Db } from '@errand/postgres';
import { sql } from 'kysely';

/* Test-only: no event makes a row that Postgres refuses by itself, so a rule of the test's own does it. */

/** From here on no row may name this executor, in the table in use and in that of any rebuild to come. */
export async function forbidExecutor(db: Db, executorId: string): Promise<void> {
  const rule = sql`add constraint forbidden check (executor_id is distinct from ${sql.lit(executorId)})`;
  await sql`alter table job_summary ${rule}`.execute(db);
  await sql`
    create function forbid_executor() returns event_trigger language plpgsql as $$
    begin
      if to_regclass('job_summary_rebuild') is not null and not exists (
        select from pg_constraint where conname = 'forbidden' and conrelid = to_regclass('job_summary_rebuild')
      ) then
        alter table job_summary_rebuild ${rule};
      end if;
    end $$`.execute(db);
  await sql`
    create event trigger forbid_executor on ddl_command_end when tag in ('CREATE TABLE')
    execute function forbid_executor()`.execute(db);
}
