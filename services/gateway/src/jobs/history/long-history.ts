import { type Bus, HistoryOutOfReach, LogUnavailable } from '@errand/bus';
import type { RecordedEvent } from '@errand/contracts';
import { foldJob, type JobState } from '@errand/domain';
import { createLimiter } from '@errand/runtime';

export interface LongLog {
  /**
   * A job as the audit log tells it; undefined if that has been read to its end and holds nothing of the job.
   * @throws LogUnavailable, also when the job is not found within the limits
   */
  find(job: AuditedJob): Promise<JobState | undefined>;
  /** All events of a job; none if the audit log has been read to its end and holds nothing of it. @throws as `find` */
  read(job: AuditedJob): Promise<RecordedEvent[]>;
}

interface AuditedJob {
  readonly tenantId: string;
  readonly jobId: string;
  readonly action: string | undefined;
}

/** The audit log does not know jobs by their ids, so all that their tenant did at the time is read. One call at a time. */
const READS_AT_ONCE = 1;

/** Stands in while the read model is away: slow, for few jobs, and with no answer rather than a wrong one. */
export function createLongLog(
  bus: { readonly audit: Pick<Bus['audit'], 'readJob'> },
  limits: { maxEntries: number; maxMs: number },
): LongLog {
  const inTurn = createLimiter(READS_AT_ONCE);
  function read(job: AuditedJob): Promise<RecordedEvent[]> {
    const giveUpAt = performance.now() + limits.maxMs;
    return inTurn(async () => {
      const reach = { maxEntries: limits.maxEntries, maxMs: giveUpAt - performance.now() };
      try {
        return await bus.audit.readJob(job, reach);
      } catch (error) {
        if (!(error instanceof HistoryOutOfReach)) throw error;
        throw new LogUnavailable('the job is not within reach in the long log', { cause: error });
      }
    });
  }
  return { read, find: async (job) => foldJob(await read(job)) };
}
