import { type Kysely, sql } from 'kysely';

/** What a job waits for whose attempt has left its work to something outside. */
export async function addWaitsFor(db: Kysely<unknown>): Promise<void> {
  await sql`alter table job_summary add column waits_for text`.execute(db);
}
