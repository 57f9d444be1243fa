import { type Kysely, sql } from 'kysely';

/** What a state is about: the URL that was called, the record's version, and when somebody asked to try again. */
export async function nameWebhookReceivers(db: Kysely<unknown>): Promise<void> {
  await sql`
    alter table webhook_endpoint_state
      add column receiver text, add column record_at timestamptz, add column lifted_at timestamptz`.execute(
    db,
  );
}
