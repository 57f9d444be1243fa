import type { Bus } from '@errand/bus';
import { JOB_RESERVE_BYTES, type JobFault, TIGHT_LOG_RATIO } from '@errand/contracts';

/** A few executors at full speed write some megabytes in this time. */
const LOOK_MS = 250;
/** Jobs are counted less often, and only where they matter. */
const COUNT_MS = 2_000;
const COUNTED_FROM = 0.5;
/** What a result or a fault's details may take of a log that is tight, in bytes of JSON. */
export const TIGHT_EVENT_BYTES = 1_024;

/**
 * Whether the log has little room left beside what is kept for its jobs, so that it is for starts and endings. It is looked
 * at when somebody asks, and once at first; the answer is that of the last look.
 */
export function watchTightLog(bus: Pick<Bus, 'readLogFill' | 'countOpenJobs'>): () => boolean {
  let isTight = false;
  let lookedAt = Number.NEGATIVE_INFINITY;
  let countedAt = Number.NEGATIVE_INFINITY;
  let openJobs = 0;

  async function look(): Promise<void> {
    const { bytes, maxBytes } = await bus.readLogFill();
    if (bytes < maxBytes * COUNTED_FROM) openJobs = 0;
    else if (performance.now() - countedAt > COUNT_MS) {
      countedAt = performance.now();
      openJobs = await bus.countOpenJobs();
    }
    isTight = maxBytes > 0 && bytes + openJobs * JOB_RESERVE_BYTES >= maxBytes * TIGHT_LOG_RATIO;
  }
  const isTightNow = () => {
    if (performance.now() - lookedAt > LOOK_MS) {
      lookedAt = performance.now();
      look().catch(() => {});
    }
    return isTight;
  };
  isTightNow();
  return isTightNow;
}

/** A fault without details that a tight log has no room for. */
export function briefFault({ details, ...fault }: JobFault): JobFault {
  const isSmall = details !== undefined && Buffer.byteLength(JSON.stringify(details)) <= TIGHT_EVENT_BYTES;
  return isSmall ? { ...fault, details } : fault;
}
