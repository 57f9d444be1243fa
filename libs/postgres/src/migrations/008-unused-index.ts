import { type Kysely, sql } from 'kysely';

/** The scheduler learns from the log which jobs are due. */
export async function dropStartBy<T>(db: Kysely<T>): Promise<void> {
  await sql`drop index if exists job_summary_start_by`.execute(db);
}
