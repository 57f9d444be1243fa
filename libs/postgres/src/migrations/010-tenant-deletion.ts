import { type Kysely, sql } from 'kysely';

/** Tenants that are being deleted. */
export async function createTenantDeletion<T>(db: Kysely<T>): Promise<void> {
  await sql`
    create table tenant_deletion (
      tenant_id text primary key,
      requested_at timestamptz not null,
      actor text not null,
      step text not null,
      removed bigint not null,
      error text
    )`.execute(db);
}
