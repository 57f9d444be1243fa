import { SUMMARY_RETENTION_DAYS } from '@errand/contracts';
import { createJobStatsTables, type Db } from '@errand/postgres';
import { type RawBuilder, sql } from 'kysely';
import { addFailures, addStats, failuresOf, hourOf, minuteOf, statsOf } from './stat-rows.ts';

/* Statistics that get old, and those of a rebuild. */

const DAY_MS = 86_400_000;

/**
 * Adds up the minutes of hours that ended a day ago or earlier, and drops what is older than summaries get. Nothing is lost
 * or counted twice, whoever else writes; of several processes one does it. `dayMs` is how long a day is: shorter ones are
 * for tests of what many days leave behind. Resolves with how many rows have gone.
 */
export function settleStats(db: Db, nowMs: number, dayMs = DAY_MS): Promise<number> {
  const { hoursBefore, since } = agesAt(nowMs, dayMs);
  return db.transaction().execute(async (trx) => {
    const { rows } = await sql<{ got: boolean }>`
      select pg_try_advisory_xact_lock(hashtext('errand_stats')) as got`.execute(trx);
    if (!rows[0]?.got) return 0;
    let gone = 0n;
    for (const table of ['job_stats', 'job_failures'] as const) {
      const dropped = await sql`delete from ${sql.table(table)} where at < ${since}`.execute(trx);
      gone += dropped.numAffectedRows ?? 0n;
    }
    const old = sql`at < ${hoursBefore} and at <> ${hourOf(sql`at`)}`;
    await sql`
      with old as (delete from job_stats where ${old} returning *)
      ${addStats(
        '',
        sql`
        select tenant_id, ${hourOf(sql`at`)}, action, fact, bin, sum(jobs) from old
        group by 1, 2, 3, 4, 5 order by 1, 2, 3, 4, 5`,
      )}`.execute(trx);
    await sql`
      with old as (delete from job_failures where ${old} returning *)
      ${addFailures(
        '',
        sql`
        select tenant_id, ${hourOf(sql`at`)}, action, code, sum(jobs), min(first_seen), max(last_seen),
          (array_agg(sample_job_id order by last_seen desc, sample_job_id desc))[1]
        from old group by 1, 2, 3, 4 order by 1, 2, 3, 4`,
      )}`.execute(trx);
    return Number(gone);
  });
}

/** Makes the statistics of a rebuild from all rows of its table, as `settleStats` leaves them. */
export function fillNewStats(db: Db, nowMs: number): Promise<void> {
  const { hoursBefore, since } = agesAt(nowMs);
  const bucketOf = (at: RawBuilder<unknown>) =>
    sql`case when ${at} < ${hoursBefore} then ${hourOf(at)} else ${minuteOf(at)} end`;
  const rows = sql`(select 1 as sign, * from job_summary_rebuild)`;
  return db.transaction().execute(async (trx) => {
    await sql`drop table if exists job_stats_rebuild, job_failures_rebuild`.execute(trx);
    await createJobStatsTables(trx, '_rebuild');
    await addStats('_rebuild', statsOf(rows, bucketOf, since)).execute(trx);
    await addFailures('_rebuild', failuresOf(rows, bucketOf, since)).execute(trx);
  });
}

function agesAt(nowMs: number, dayMs = DAY_MS) {
  const hourMs = dayMs / 24;
  const hour = (ms: number) => sql`${new Date(Math.floor(ms / hourMs) * hourMs).toISOString()}::timestamptz`;
  return { hoursBefore: hour(nowMs - dayMs), since: hour(nowMs - SUMMARY_RETENTION_DAYS * dayMs) };
}
