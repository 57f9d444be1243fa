import type { JobState } from '@errand/domain';
import { type Db, type JobSummaryRow, stateOfRow } from '@errand/postgres';
import type { Logger } from '@errand/runtime';

type StoredJob =
  | { readonly kind: 'row'; readonly state: JobState }
  | { readonly kind: 'none' }
  /** Postgres did not answer, so it is not known whether there is a row. */
  | { readonly kind: 'unavailable' };

export interface JobStore {
  find(jobId: string): Promise<StoredJob>;
}

const REST_MS = 1_000;

/**
 * Reads rows of job_summary. After a failure Postgres is left alone for a second, and then asked by one call at a
 * time until it answers: the others do not queue behind a dead server.
 */
export function createJobStore(db: Db, log: Logger): JobStore {
  // The statement is built once; only its parameter differs from call to call.
  const statement = db.selectFrom('job_summary').selectAll().where('job_id', '=', '').compile();
  let failing = false;
  let restUntil = 0;
  let probing = false;

  return {
    async find(jobId) {
      if (failing && (probing || performance.now() < restUntil)) return { kind: 'unavailable' };
      const probe = failing;
      if (probe) probing = true;
      try {
        const { rows } = await db.executeQuery<JobSummaryRow>({ ...statement, parameters: [jobId] });
        failing = false;
        const row = rows[0];
        return row ? { kind: 'row', state: stateOfRow(row) } : { kind: 'none' };
      } catch (err) {
        if (!failing) log.warn({ err }, 'postgres_unavailable');
        failing = true;
        restUntil = performance.now() + REST_MS;
        return { kind: 'unavailable' };
      } finally {
        if (probe) probing = false;
      }
    },
  };
}
