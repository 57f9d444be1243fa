import type { TenantDeletion } from '@errand/contracts';
import type { ColumnType } from 'kysely';

/** One row for each tenant that is being deleted; it goes last. */
export interface TenantDeletionTable {
  tenant_id: string;
  requested_at: ColumnType<Date, string, string>;
  /** Who asked for it. */
  actor: string;
  step: TenantDeletion['step'];
  /** Messages and rows that are gone so far. */
  removed: number;
  /** Why it makes no progress at present. */
  error: string | null;
}
