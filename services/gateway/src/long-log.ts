import { type Bus, LogUnavailable } from '@errand/bus';
import { uuidV7TimeMs } from '@errand/contracts';
import { evolve, isEnded, type JobState } from '@errand/domain';
import { createTurns } from './turns.ts';

export interface LongLog {
  /**
   * A job as the long log tells it; undefined if that has been read to its end and holds nothing of the job.
   * @throws LogUnavailable, also when the job is not found within the limits
   */
  find(job: { tenantId: string; jobId: string; action: string | undefined }): Promise<JobState | undefined>;
}

/** The long log does not know jobs by their ids, so all that their tenant did at the time is read. One call at a time. */
const READS_AT_ONCE = 1;
/** Clocks of gateways, which date job ids, and of the log may differ by this much. */
const CLOCK_TOLERANCE_MS = 10_000;

/** For when the read model is away: it answers for few jobs, slowly, and rather not at all than wrongly. */
export function createLongLog(
  bus: Pick<Bus, 'readAudit'>,
  limits: { maxEntries: number; maxMs: number },
): LongLog {
  const inTurn = createTurns(READS_AT_ONCE);
  return {
    find: ({ tenantId, jobId, action }) => {
      const giveUpAt = performance.now() + limits.maxMs;
      return inTurn(async () => {
        const sinceMs = uuidV7TimeMs(jobId) - CLOCK_TOLERANCE_MS;
        let state: JobState | undefined;
        let read = 0;
        for await (const { entries, remaining } of bus.readAudit({ tenantId, action, sinceMs })) {
          for (const { decoded } of entries) {
            if (decoded.kind !== 'event' || decoded.recorded.ref.jobId !== jobId) continue;
            state = evolve(state, decoded.recorded);
          }
          read += entries.length;
          if (state && isEnded(state.phase.value.status)) return state;
          if (remaining === 0) return state;
          if (read >= limits.maxEntries || performance.now() > giveUpAt) {
            throw new LogUnavailable(`the job is not among ${read} entries of the long log`);
          }
        }
        return state;
      });
    },
  };
}
