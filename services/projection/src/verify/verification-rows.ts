import type { Verification, VerifyReport, VerifyRequest } from '@errand/contracts';
import type { Db, VerificationTable } from '@errand/postgres';
import type { Selectable } from 'kysely';

/*
 * Comparisons with the log, as they stand: rows that every process reads. The one that works on a comparison changes its
 * row; whoever begins or cancels one changes the row only, and the worker finds out when it next tells how far it is.
 */

export type VerificationRow = Selectable<VerificationTable>;

const KEPT = 20;
const NOTHING: Verification['checked'] = { jobs: 0, events: 0, rows: 0, links: 0, deliveries: 0 };

/** Undefined if one is under way. Only the newest are kept. */
export function beginVerification(
  db: Db,
  { id, nowMs, since, tenant_id }: { id: string; nowMs: number } & VerifyRequest,
): Promise<VerificationRow | undefined> {
  return db.transaction().execute(async (trx) => {
    const begun = await trx
      .insertInto('verification')
      .values({
        verification_id: id,
        state: 'running',
        tenant_id,
        since,
        started_at: new Date(nowMs).toISOString(),
        checked: JSON.stringify(NOTHING),
      })
      .onConflict((conflict) => conflict.column('state').where('state', '=', 'running').doNothing())
      .returningAll()
      .executeTakeFirst();
    const newest = trx
      .selectFrom('verification')
      .select('verification_id')
      .orderBy('verification_id', 'desc')
      .limit(KEPT);
    if (begun) await trx.deleteFrom('verification').where('verification_id', 'not in', newest).execute();
    return begun;
  });
}

export function readVerification(db: Db, id: string): Promise<VerificationRow | undefined> {
  return db.selectFrom('verification').selectAll().where('verification_id', '=', id).executeTakeFirst();
}

/** The one that is under way. */
export function readRunning(db: Db): Promise<VerificationRow | undefined> {
  return db.selectFrom('verification').selectAll().where('state', '=', 'running').executeTakeFirst();
}

/** The newest first, without their reports. */
export async function listVerifications(db: Db): Promise<VerificationRow[]> {
  const rows = await db
    .selectFrom('verification')
    .select([
      'verification_id',
      'state',
      'tenant_id',
      'since',
      'started_at',
      'ended_at',
      'step',
      'percent',
      'checked',
      'error',
    ])
    .orderBy('verification_id', 'desc')
    .execute();
  return rows.map((row) => ({ ...row, report: null }));
}

/** False if it is not under way any more. */
export async function recordStanding(
  db: Db,
  id: string,
  { step, percent, checked }: Pick<Verification, 'step' | 'percent' | 'checked'>,
): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('verification')
    .set({ step, percent, checked: JSON.stringify(checked) })
    .where('verification_id', '=', id)
    .where('state', '=', 'running')
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}

/** Undefined if it is not under way any more. */
export function endVerification(
  db: Db,
  id: string,
  ended: { state: 'done' | 'failed' | 'canceled'; nowMs: number; report?: VerifyReport; error?: string },
): Promise<VerificationRow | undefined> {
  const { state, nowMs, report, error } = ended;
  const checked = report && { checked: JSON.stringify(report.checked), report: JSON.stringify(report) };
  return db
    .updateTable('verification')
    .set({ state, ended_at: new Date(nowMs).toISOString(), step: null, percent: null, error, ...checked })
    .where('verification_id', '=', id)
    .where('state', '=', 'running')
    .returningAll()
    .executeTakeFirst();
}

/** What callers are told. */
export function verificationOf(row: VerificationRow): Verification {
  return {
    ...row,
    since: row.since?.toISOString() ?? null,
    started_at: row.started_at.toISOString(),
    ended_at: row.ended_at?.toISOString() ?? null,
  };
}
