import type { TenantDeletion } from '@errand/contracts';
import type { Db, TenantDeletionTable } from '@errand/postgres';
import type { Selectable } from 'kysely';

/* Which tenants are to be deleted, and how far that has come: a row for each, until it is done. */

export type DeletionRow = Selectable<TenantDeletionTable>;

/** The row of a deletion that begins, or of the one that is under way. */
export async function beginDeletion(
  db: Db,
  { tenantId, actor, nowMs }: { tenantId: string; actor: string; nowMs: number },
): Promise<DeletionRow | undefined> {
  await db
    .insertInto('tenant_deletion')
    .values({
      tenant_id: tenantId,
      requested_at: new Date(nowMs).toISOString(),
      actor,
      step: 'closing',
      removed: 0,
      error: null,
    })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  return readDeletion(db, tenantId);
}

export function readDeletion(db: Db, tenantId: string): Promise<DeletionRow | undefined> {
  return db.selectFrom('tenant_deletion').selectAll().where('tenant_id', '=', tenantId).executeTakeFirst();
}

/** In the order in which they were asked for. */
export function listDeletions(db: Db): Promise<DeletionRow[]> {
  return db.selectFrom('tenant_deletion').selectAll().orderBy('requested_at').execute();
}

/** False if it is over. */
export async function recordDeletion(
  db: Db,
  tenantId: string,
  change: Partial<Pick<DeletionRow, 'step' | 'removed' | 'error'>>,
): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('tenant_deletion')
    .set(change)
    .where('tenant_id', '=', tenantId)
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}

export async function endDeletion(db: Db, tenantId: string): Promise<void> {
  await db.deleteFrom('tenant_deletion').where('tenant_id', '=', tenantId).execute();
}

export function deletionOf(row: DeletionRow): TenantDeletion {
  return {
    tenant_id: row.tenant_id,
    step: row.step,
    requested_at: row.requested_at.toISOString(),
    deleted_at: null,
    removed: Number(row.removed),
    error: row.error,
  };
}
