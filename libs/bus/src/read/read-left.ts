import {
  CLOCK_TOLERANCE_MS,
  type JobRef,
  LOG_SLACK_MS,
  type RecordedEvent,
  uuidV7TimeMs,
} from '@errand/contracts';
import type { AuditReader } from './read-audit.ts';
import type { HistoryLimits, HistoryReader } from './read-history.ts';

/** Reads of jobs that have left JOBS, of which the audit log knows the time alone, by their ids. */
export interface LeftReader {
  /**
   * All events of a job; none if the audit log has nothing of it.
   * @throws HistoryOutOfReach, LogUnavailable
   */
  readJob(
    job: { tenantId: string; action?: string | undefined; jobId: string },
    limits: HistoryLimits,
  ): Promise<RecordedEvent[]>;
  /**
   * The JobRequested of each of these jobs that is found within the limits, by job id. It costs a read of their tenant's
   * requests between the first one and the last one, so they should be close together.
   * @throws LogUnavailable
   */
  readRequests(jobs: readonly JobRef[], limits: HistoryLimits): Promise<Map<string, RecordedEvent>>;
}

/** Whether a job with this id may have left JOBS, if it is not found there. */
export function mayHaveLeft(jobId: string, nowMs: number): boolean {
  return uuidV7TimeMs(jobId) <= nowMs - LOG_SLACK_MS + CLOCK_TOLERANCE_MS;
}

export function createLeftReader(
  audit: Pick<AuditReader, 'read'>,
  readHistory: HistoryReader['readAuditedHistory'],
): LeftReader {
  async function readOfTenant(
    jobs: readonly JobRef[],
    limits: HistoryLimits,
    found: Map<string, RecordedEvent>,
  ): Promise<void> {
    const giveUpAt = performance.now() + limits.maxMs;
    const missing = new Set(jobs.map(({ jobId }) => jobId));
    const sinceMs = Math.min(...[...missing].map(uuidV7TimeMs)) - CLOCK_TOLERANCE_MS;
    let seen = 0;
    for await (const { entries } of audit.read({
      tenantId: jobs[0]?.tenantId,
      types: ['JobRequested'],
      sinceMs,
    })) {
      for (const { decoded } of entries) {
        if (decoded.kind !== 'event' || !missing.delete(decoded.recorded.ref.jobId)) continue;
        found.set(decoded.recorded.ref.jobId, decoded.recorded);
      }
      seen += entries.length;
      if (missing.size === 0 || seen >= limits.maxEntries || performance.now() > giveUpAt) return;
    }
  }

  return {
    async readJob(job, limits) {
      const events: RecordedEvent[] = [];
      const known = { ...job, sinceMs: uuidV7TimeMs(job.jobId) - CLOCK_TOLERANCE_MS };
      for await (const page of readHistory(known, limits)) events.push(...page);
      return events;
    },
    async readRequests(jobs, limits) {
      const found = new Map<string, RecordedEvent>();
      for (const ofTenant of Map.groupBy(jobs, ({ tenantId }) => tenantId).values()) {
        await readOfTenant(ofTenant, limits, found);
      }
      return found;
    },
  };
}
