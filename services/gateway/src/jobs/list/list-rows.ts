import type { JobState } from '@errand/domain';
import { type Db, type JobSummaryRow, stateOfRow } from '@errand/postgres';
import type { Logger } from '@errand/runtime';
import { refuseForDatabase } from '../database-failure.ts';
import type { JobListQuery } from './list-query.ts';
import { selectWanted } from './wanted-rows.ts';

/** Results may be of a megabyte each, so a page ends early rather than fill the memory. */
const MAX_PAGE_BYTES = 2_000_000;

interface JobPage {
  /** Newest first. */
  readonly states: JobState[];
  /** Id of the last one, undefined when there are no more. */
  readonly nextBelowId: string | undefined;
}

export interface JobList {
  /**
   * A tenant's jobs whose request is known to the read model, which may lag a moment behind the log.
   * @throws Refusal database_unavailable
   */
  page(tenantId: string, query: JobListQuery): Promise<JobPage>;
}

/** Reads pages of job_summary: first which rows and how large, then as many of them as a page may hold. */
export function createJobList(db: Db, log: Logger): JobList {
  return {
    async page(tenantId, query) {
      try {
        const found = await keysOf(db, tenantId, query).execute();
        const kept = cutToSize(found.slice(0, query.limit));
        const ids = kept.map((each) => each.job_id);
        const rows: JobSummaryRow[] =
          ids.length === 0
            ? []
            : await db
                .selectFrom('job_summary')
                .selectAll()
                .where('job_id', 'in', ids)
                .orderBy('job_id', 'desc')
                .execute();
        const nextBelowId = kept.length < found.length ? ids.at(-1) : undefined;
        return { states: rows.map(stateOfRow), nextBelowId };
      } catch (err) {
        return refuseForDatabase(err, log, 'job_list_failed');
      }
    },
  };
}

function keysOf(db: Db, tenantId: string, query: JobListQuery) {
  return selectWanted(db, tenantId, query)
    .select((eb) => ['job_id', eb.fn<number>('octet_length', [eb.cast('result', 'text')]).as('bytes')])
    .orderBy('job_id', 'desc')
    .limit(query.limit + 1);
}

function cutToSize<T extends { bytes: number | null }>(found: readonly T[]): T[] {
  let bytes = 0;
  const end = found.findIndex((each, index) => {
    bytes += each.bytes ?? 0;
    return index > 0 && bytes > MAX_PAGE_BYTES;
  });
  return found.slice(0, end === -1 ? undefined : end);
}
