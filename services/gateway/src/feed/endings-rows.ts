import { type JobStatus, PROJECTION_READER } from '@errand/contracts';
import { type Db, readLogPosition } from '@errand/postgres';
import type { Logger } from '@errand/runtime';
import { refuseForDatabase } from '../jobs/database-failure.ts';

/** A job's end, as the read model has it. */
export interface Ending {
  readonly jobId: string;
  readonly action: string;
  readonly version: number;
  readonly status: JobStatus;
  readonly finishedAt: Date;
  /** Empty for a job whose request could not be read. */
  readonly resource: Record<string, string>;
  readonly metadata: Record<string, string>;
}

interface EndingsQuery {
  readonly tenantId: string;
  /** Versions above this one, and up to that one. */
  readonly above: number;
  readonly upTo: number;
  /** Only what ended at or after this time, Unix milliseconds. */
  readonly sinceMs?: number | undefined;
  /** Empty for all. */
  readonly statuses: readonly JobStatus[];
  readonly limit: number;
}

export interface EndingsTable {
  /** In the order of the log. @throws Refusal database_unavailable */
  read(query: EndingsQuery): Promise<Ending[]>;
  /** Up to this version the table has everything; undefined if nothing was ever written. @throws Refusal database_unavailable */
  readUpTo(): Promise<number | undefined>;
}

export function createEndingsTable(db: Db, log: Logger): EndingsTable {
  return {
    readUpTo: () =>
      readLogPosition(db, PROJECTION_READER.name).catch((err) => refuseForDatabase(err, log, 'feed_failed')),
    async read({ tenantId, above, upTo, sinceMs, statuses, limit }) {
      if (above >= upTo) return [];
      let wanted = db
        .selectFrom('job_summary')
        .select(['job_id', 'action', 'phase_version', 'status', 'finished_at', 'request'])
        .where('tenant_id', '=', tenantId)
        .where('finished_at', 'is not', null)
        .where('phase_version', '>', above)
        .where('phase_version', '<=', upTo)
        .orderBy('phase_version')
        .limit(limit);
      if (sinceMs !== undefined)
        wanted = wanted.where('finished_at', '>=', new Date(sinceMs).toISOString() as never);
      if (statuses.length > 0) wanted = wanted.where('status', 'in', statuses);
      try {
        const rows = await wanted.execute();
        return rows.flatMap(({ status, finished_at: finishedAt, ...row }) => {
          if (status === null || finishedAt === null) return [];
          const { resource = {}, metadata = {} } = (row.request ?? {}) as Partial<Ending>;
          const { job_id: jobId, action, phase_version: version } = row;
          return [{ jobId, action, version, status, finishedAt, resource, metadata }];
        });
      } catch (err) {
        return refuseForDatabase(err, log, 'feed_failed');
      }
    },
  };
}
