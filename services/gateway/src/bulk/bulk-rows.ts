import type { Db } from '@errand/postgres';
import type { Logger } from '@errand/runtime';
import { sql } from 'kysely';
import { refuseForDatabase } from '../jobs/database-failure.ts';
import { selectWanted } from '../jobs/list/wanted-rows.ts';
import type { MatchingJobs } from './bulk-filter.ts';

/** Jobs by what a bulk action is about. Every call throws Refusal database_unavailable. */
export interface BulkJobs {
  /** The ids of matching jobs after one, oldest first. */
  page(
    tenantId: string,
    matching: MatchingJobs,
    from: { after: string | null; limit: number },
  ): Promise<string[]>;
  count(tenantId: string, matching: MatchingJobs): Promise<number>;
}

/** So many are counted by one statement, so that none takes long. */
const COUNT_STEP = 20_000;

export function createBulkJobs(db: Db, log: Logger): BulkJobs {
  function select(tenantId: string, matching: MatchingJobs, after: string | null, limit: number) {
    let rows = selectWanted(db, tenantId, matching).where('request_version', '<=', matching.upTo);
    if (matching.jobIds) rows = rows.where('job_id', 'in', [...matching.jobIds]);
    if (after !== null) rows = rows.where('job_id', '>', after);
    return rows.select('job_id').orderBy('job_id').limit(limit);
  }

  async function answered<T>(query: Promise<T>): Promise<T> {
    try {
      return await query;
    } catch (err) {
      return refuseForDatabase(err, log, 'bulk_jobs_failed');
    }
  }

  return {
    async page(tenantId, matching, { after, limit }) {
      const rows = await answered(select(tenantId, matching, after, limit).execute());
      return rows.map(({ job_id }) => job_id);
    },
    async count(tenantId, matching) {
      let total = 0;
      for (let after: string | null = null; ; ) {
        const step = select(tenantId, matching, after, COUNT_STEP);
        const { rows } = await answered(
          sql<{ jobs: number; last: string | null }>`
            select count(*)::int as jobs, max(job_id::text) as last from ${step} step`.execute(db),
        );
        const { jobs = 0, last = null } = rows[0] ?? {};
        total += jobs;
        if (jobs < COUNT_STEP || last === null) return total;
        after = last;
      }
    },
  };
}
