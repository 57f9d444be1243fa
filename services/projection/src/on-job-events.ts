import { type RecordedEvent, uuidV7TimeMs } from '@errand/contracts';
import { evolve, expiresAtMs, type JobState } from '@errand/domain';
import type { DailyPartitions, Db } from '@errand/postgres';
import { mergeJobSummaries } from './job-summary-table.ts';

/**
 * Takes a batch of events into the read model: one change per job, one statement for all. Durable when it resolves.
 * Events of jobs whose summary has expired are passed over.
 */
export async function onJobEvents(
  batch: readonly RecordedEvent[],
  deps: { db: Db; partitions: DailyPartitions; nowMs: number },
): Promise<{ jobs: number }> {
  const jobs = new Map<string, JobState>();
  for (const recorded of batch) {
    const { jobId } = recorded.ref;
    if (expiresAtMs(uuidV7TimeMs(jobId)) <= deps.nowMs) continue;
    jobs.set(jobId, evolve(jobs.get(jobId), recorded));
  }
  await deps.partitions.ensureFor(jobs.keys());
  await mergeJobSummaries(deps.db, [...jobs.values()]);
  return { jobs: jobs.size };
}
