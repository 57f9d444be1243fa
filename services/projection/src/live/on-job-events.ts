import type { RefusedEvent } from '@errand/bus';
import { type RecordedEvent, uuidV7TimeMs } from '@errand/contracts';
import { evolve, expiresAtMs, type JobState } from '@errand/domain';
import type { DailyPartitions, Db } from '@errand/postgres';
import { mergeJobSummaries } from './job-rows.ts';

/**
 * Takes a batch of events into the read model: one change per job, one statement for all. Durable when it resolves.
 * Events of jobs whose summary has expired are passed over; events that Postgres will never take are given back.
 */
export async function onJobEvents(
  batch: readonly RecordedEvent[],
  deps: { db: Db; partitions: DailyPartitions; nowMs: number },
): Promise<{ jobs: number; refused: RefusedEvent[] }> {
  try {
    return { jobs: await project(batch, deps), refused: [] };
  } catch (error) {
    // A rebuild may have put another table in the place of the one whose partitions are known.
    deps.partitions.forget();
    if (!isRefusal(error)) throw error;
    const [recorded] = batch;
    if (recorded && batch.length === 1) {
      return { jobs: 0, refused: [{ recorded, reason: `Postgres refuses it: ${error.message}` }] };
    }
  }
  // One bad event must not keep the others out.
  let jobs = 0;
  const refused: RefusedEvent[] = [];
  for (const recorded of batch) {
    const single = await onJobEvents([recorded], deps);
    jobs += single.jobs;
    refused.push(...single.refused);
  }
  return { jobs, refused };
}

async function project(
  batch: readonly RecordedEvent[],
  deps: { db: Db; partitions: DailyPartitions; nowMs: number },
): Promise<number> {
  const jobs = new Map<string, JobState>();
  for (const recorded of batch) {
    const { jobId } = recorded.ref;
    if (expiresAtMs(uuidV7TimeMs(jobId)) <= deps.nowMs) continue;
    jobs.set(jobId, evolve(jobs.get(jobId), recorded));
  }
  await deps.partitions.ensureFor(jobs.keys());
  await mergeJobSummaries(deps.db, [...jobs.values()]);
  return jobs.size;
}

/** SQLSTATE classes 22 and 23: the data itself is at fault, and will be the next time. */
export function isRefusal(error: unknown): error is Error {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return (code.startsWith('22') || code.startsWith('23')) && !isPartitionMissing(error);
}

/** The one refusal of class 23 that is no fault of the data: a check violation which names no constraint. */
function isPartitionMissing(error: unknown): boolean {
  const { code, constraint } = error as { code?: string; constraint?: string };
  return code === '23514' && constraint === undefined;
}
