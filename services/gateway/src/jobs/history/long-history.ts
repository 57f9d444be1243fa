import { type Bus, HistoryOutOfReach, LogUnavailable } from '@errand/bus';
import { foldJob, type JobState } from '@errand/domain';
import { createLimiter } from '@errand/runtime';

export interface LongLog {
  /**
   * A job as the audit log tells it; undefined if that has been read to its end and holds nothing of the job.
   * @throws LogUnavailable, also when the job is not found within the limits
   */
  find(job: { tenantId: string; jobId: string; action: string | undefined }): Promise<JobState | undefined>;
}

/** The audit log does not know jobs by their ids, so all that their tenant did at the time is read. One call at a time. */
const READS_AT_ONCE = 1;

/** Stands in while the read model is away: slow, for few jobs, and with no answer rather than a wrong one. */
export function createLongLog(
  bus: { readonly audit: Pick<Bus['audit'], 'readJob'> },
  limits: { maxEntries: number; maxMs: number },
): LongLog {
  const inTurn = createLimiter(READS_AT_ONCE);
  return {
    find: (job) => {
      const giveUpAt = performance.now() + limits.maxMs;
      return inTurn(async () => {
        const reach = { maxEntries: limits.maxEntries, maxMs: giveUpAt - performance.now() };
        try {
          return foldJob(await bus.audit.readJob(job, reach));
        } catch (error) {
          if (!(error instanceof HistoryOutOfReach)) throw error;
          throw new LogUnavailable('the job is not within reach in the long log', { cause: error });
        }
      });
    },
  };
}
