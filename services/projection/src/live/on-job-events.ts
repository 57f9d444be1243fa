import { type RecordedEvent, uuidV7TimeMs } from '@errand/contracts';
import { expiresAtMs } from '@errand/domain';
import { addMissingColumns, type DailyPartitions, type Db, type ProjectedJob } from '@errand/postgres';
import { mergeJobSummaries } from './job-rows.ts';
import { evolveProjected } from './projected-job.ts';

/**
 * Takes a batch of events into the read model: one change per job, one statement for all, and
 * for what they count as. Durable when it resolves with how many jobs have changed; undefined, and nothing is written, if `moving` moves nothing. Events of jobs whose summary
 * has expired are passed over.
 * @throws what Postgres says, of any of them; see `isRefusal`
 */
export async function onJobEvents(
  batch: readonly RecordedEvent[],
  deps: {
    db: Db;
    partitions: DailyPartitions;
    nowMs: number;
    moving?: Parameters<typeof mergeJobSummaries>[2];
    /** Told of columns that the table had lost. */
    onColumnsAdded?: (columns: readonly string[]) => void;
  },
): Promise<number | undefined> {
  const { db, partitions, nowMs, moving, onColumnsAdded } = deps;
  const jobs = new Map<string, ProjectedJob>();
  for (const recorded of batch) {
    const { jobId } = recorded.ref;
    if (expiresAtMs(uuidV7TimeMs(jobId)) <= nowMs) continue;
    jobs.set(jobId, evolveProjected(jobs.get(jobId), recorded));
  }
  try {
    await partitions.ensureFor(jobs.keys());
    return (await mergeJobSummaries(db, [...jobs.values()], moving)) ? jobs.size : undefined;
  } catch (error) {
    // A rebuild may have put another table in the place of the one whose partitions are known.
    partitions.forget();
    // It was made by a process of the version before.
    if (codeOf(error) === UNDEFINED_COLUMN) onColumnsAdded?.(await addMissingColumns(db));
    throw error;
  }
}

const UNDEFINED_COLUMN = '42703';

/** SQLSTATE classes 22 and 23: the data itself is at fault, and will be the next time. */
export function isRefusal(error: unknown): error is Error {
  const code = codeOf(error);
  return (code.startsWith('22') || code.startsWith('23')) && !isPartitionMissing(error);
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

/** The one refusal of class 23 that is no fault of the data: a check violation which names no constraint. */
function isPartitionMissing(error: unknown): boolean {
  const { code, constraint } = error as { code?: string; constraint?: string };
  return code === '23514' && constraint === undefined;
}
