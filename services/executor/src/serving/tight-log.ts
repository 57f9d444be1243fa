import type { Bus } from '@errand/bus';
import {
  JOB_RESERVE_BYTES,
  type JobFault,
  OPEN_JOBS_COUNTED_FROM,
  TIGHT_EVENT_BYTES,
  TIGHT_LOG_RATIO,
} from '@errand/contracts';

/** What others write in this time is not known: at full speed, some megabytes. */
const LOOK_MS = 250;
/** Jobs are counted less often: it asks for all consumers. */
const COUNT_MS = 2_000;

/** Whether so many bytes would be too much for a log that has to keep room for its jobs. Never rejects. */
export type IsLogTight = (bytes: number) => Promise<boolean>;

/**
 * Looks at the log when somebody asks, and counts what this process has been allowed since the last look. While the log
 * does not answer, the last look counts.
 */
export function watchTightLog(bus: {
  readonly jobs: Pick<Bus['jobs'], 'readFill' | 'countOpen'>;
}): IsLogTight {
  let fill = { bytes: 0, maxBytes: 0 };
  let openJobs = 0;
  let allowedBytes = 0;
  let looking = Promise.resolve();
  let lookedAt = Number.NEGATIVE_INFINITY;
  let countedAt = Number.NEGATIVE_INFINITY;

  async function look(): Promise<void> {
    allowedBytes = 0;
    fill = await bus.jobs.readFill();
    if (fill.bytes < fill.maxBytes * OPEN_JOBS_COUNTED_FROM) openJobs = 0;
    else if (performance.now() - countedAt > COUNT_MS) {
      countedAt = performance.now();
      openJobs = (await bus.jobs.countOpen()).jobs;
    }
  }

  return async (bytes) => {
    if (performance.now() - lookedAt > LOOK_MS) {
      lookedAt = performance.now();
      looking = look().catch(() => {});
    }
    await looking;
    if (fill.maxBytes === 0) return false;
    const expected = fill.bytes + allowedBytes + bytes + openJobs * JOB_RESERVE_BYTES;
    if (expected >= fill.maxBytes * TIGHT_LOG_RATIO) return true;
    allowedBytes += bytes;
    return false;
  };
}

/** A fault without details that a tight log has no room for. */
export async function briefFault(fault: JobFault, isLogTight: IsLogTight): Promise<JobFault> {
  const { details, ...brief } = fault;
  const bytes = details === undefined ? 0 : Buffer.byteLength(JSON.stringify(details));
  return bytes > TIGHT_EVENT_BYTES && (await isLogTight(bytes)) ? brief : fault;
}
