import type { Verification, VerifyReport } from '@errand/contracts';
import type { ColumnType } from 'kysely';

/** One row for each comparison with the log that is kept. */
export interface VerificationTable {
  verification_id: string;
  /** At most one is `running`. */
  state: Verification['state'];
  tenant_id: string | null;
  since: ColumnType<Date | null, string | null, never>;
  started_at: ColumnType<Date, string, never>;
  ended_at: ColumnType<Date | null, string | null, string>;
  step: Verification['step'];
  percent: number | null;
  checked: ColumnType<Verification['checked'], string, string>;
  error: string | null;
  report: ColumnType<VerifyReport | null, string | null, string>;
}
