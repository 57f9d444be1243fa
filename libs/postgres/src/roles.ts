import { sql } from 'kysely';
import type { Database, Db } from './connect.ts';

/** Whom the services connect as. The roles are there. */
export interface RoleNames {
  readonly gateway: string;
  readonly projection: string;
  readonly webhooks: string;
}

/** A service owns what it writes, since it makes and drops partitions and fills new tables. */
const OWNED: Record<Exclude<keyof RoleNames, 'gateway'>, readonly (keyof Database)[]> = {
  projection: [
    'job_summary',
    'job_stats',
    'job_failures',
    'projection_rebuild',
    'tenant_deletion',
    'verification',
    'log_position',
  ],
  webhooks: [
    'webhook_message',
    'webhook_delivery',
    'webhook_attempt',
    'webhook_endpoint_state',
    'webhook_shard',
    'webhook_owner',
    'webhook_replay',
  ],
};

/**
 * Gives the tables of a migrated database to roles that may do what their service does, and no more: gateways read, the
 * projection writes the read model and deletes tenants, webhooks writes deliveries. The same again changes nothing.
 * Needs a superuser, or a member of all these roles that owns the tables.
 */
export async function grantRoles(db: Db, roles: RoleNames): Promise<void> {
  const { gateway, projection, webhooks } = roles;
  const [reader, model, sender] = [gateway, projection, webhooks].map((name) => sql.id(name));
  await db.transaction().execute(async (tx) => {
    for (const [service, tables] of Object.entries(OWNED)) {
      const owner = sql.id(roles[service as keyof typeof OWNED]);
      for (const part of await partsOf(tx, tables)) {
        await sql`alter table ${sql.id(part)} owner to ${owner}`.execute(tx);
      }
    }
    const ofWebhooks = sql.join(OWNED.webhooks.map((table) => sql.table(table)));
    const statements = [
      sql`grant usage, create on schema public to ${model}, ${sender}`,
      sql`grant select on all tables in schema public to ${reader}`,
      sql`alter default privileges for role ${model}, ${sender} in schema public grant select on tables to ${reader}`,
      sql`grant select, delete on ${ofWebhooks} to ${model}`,
      sql`grant select, insert, update on log_position to ${sender}`,
      // At their start they look whether there is anything to migrate.
      sql`grant select on kysely_migration to ${model}, ${sender}`,
      sql`grant select, update on kysely_migration_lock to ${model}, ${sender}`,
    ];
    for (const statement of statements) await statement.execute(tx);
  });
}

/** Tables with their partitions. */
async function partsOf(tx: Db, tables: readonly string[]): Promise<string[]> {
  const { rows } = await sql<{ part: string }>`
    select relid::regclass::text as part
    from unnest(${[...tables]}::text[]) as named (name), pg_partition_tree(named.name::regclass)
    union select unnest(${[...tables]}::text[])`.execute(tx);
  return rows.map(({ part }) => part);
}
