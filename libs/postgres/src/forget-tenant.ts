import { sql } from 'kysely';
import type { Db } from './connect.ts';

/** Deletes every row that is a tenant's. Resolves with their number. */
export function forgetTenantRows(db: Db, tenantId: string): Promise<number> {
  return db.transaction().execute(async (tx) => {
    // Few tables have an index by tenant, and nobody waits for it.
    await sql`set local statement_timeout = 0`.execute(tx);
    let removed = 0n;
    const attempts = await sql`
      delete from webhook_attempt a using webhook_message m
      where a.event_id = m.event_id and m.tenant_id = ${tenantId}`.execute(tx);
    removed += attempts.numAffectedRows ?? 0n;
    for (const table of TABLES) {
      const { numDeletedRows } = await tx
        .deleteFrom(table)
        .where('tenant_id', '=', tenantId)
        .executeTakeFirst();
      removed += numDeletedRows;
    }
    return Number(removed);
  });
}

/**
 * Deletes results of webhook calls that ended after their deliveries were deleted, of all tenants, as far as they began
 * at or after a time, in Unix milliseconds. Nothing says whose they were.
 */
export function forgetLateAttempts(db: Db, sinceMs: number): Promise<number> {
  return db.transaction().execute(async (tx) => {
    await sql`set local statement_timeout = 0`.execute(tx);
    const late = await sql`
    delete from webhook_attempt a where a.started_at >= ${new Date(sinceMs).toISOString()}::timestamptz
      and not exists (
        select from webhook_delivery d where d.event_id = a.event_id and d.endpoint_id = a.endpoint_id)`.execute(
      tx,
    );
    return Number(late.numAffectedRows ?? 0n);
  });
}

/** All with a tenant's id but `tenant_deletion`, where messages come after what refers to them. */
const TABLES = [
  'webhook_replay',
  'webhook_delivery',
  'webhook_message',
  'webhook_endpoint_state',
  'job_summary',
  'job_stats',
  'job_failures',
  'verification',
] as const;
