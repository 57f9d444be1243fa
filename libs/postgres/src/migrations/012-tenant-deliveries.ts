import { type Kysely, sql } from 'kysely';

/**
 * The delivery log of a whole tenant. Messages never change, so their index costs one entry for each event, where one
 * of all deliveries would cost one for each attempt; what did not succeed is rare.
 */
export async function indexTenantDeliveries<T>(db: Kysely<T>): Promise<void> {
  await sql`create index webhook_message_tenant on webhook_message (tenant_id, event_id)`.execute(db);
  await sql`
    create index webhook_delivery_tenant_unsuccessful on webhook_delivery (tenant_id, state, event_id, endpoint_id)
    where state in ('failed', 'expired', 'canceled')`.execute(db);
}
