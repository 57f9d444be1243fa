import { setTimeout as sleep } from 'node:timers/promises';
import type { Bus } from '@errand/bus';
import { endJob, monotonicMs, openJobs } from './open-jobs.ts';

/** An ending that the log has acknowledged. */
export interface Ending {
  readonly eventId: string;
  readonly tenantId: string;
  /** By `monotonicMs`. */
  readonly storedMs: number;
}

/** Jobs that end one after another at a fixed rate, whatever happens to the system. */
export interface EndingLoad {
  /** The endings that the log has acknowledged so far. */
  readonly endings: readonly Ending[];
  /** Ends no further jobs; resolves when the log has acknowledged those already begun. */
  stop(): Promise<void>;
}

/** Endings under way at once: this many wait while the log is away. */
const WRITERS = 64;

/** Opens `most` jobs, of each tenant in turn, and then ends `perSecond` of them each second. */
export async function startEndingLoad(
  bus: Bus,
  options: { tenantIds: readonly string[]; perSecond: number; most: number },
): Promise<EndingLoad> {
  const { tenantIds, perSecond, most } = options;
  const tenants = Array.from({ length: most }, (_, index) => tenantIds[index % tenantIds.length] ?? '');
  const jobs = (await openJobs(bus, tenants)).entries();
  const endings: Ending[] = [];
  const beganMs = monotonicMs();
  let stopped = false;
  const write = async () => {
    for (const [index, job] of jobs) {
      const waitMs = beganMs + (index * 1_000) / perSecond - monotonicMs();
      if (waitMs > 0) await sleep(waitMs);
      if (stopped) return;
      const { eventId, storedMs } = await endJob(bus, job);
      endings.push({ eventId, storedMs, tenantId: job.ref.tenantId });
    }
    if (!stopped) throw new Error(`the load needs more than ${most} jobs`);
  };
  const writing = Promise.all(Array.from({ length: WRITERS }, write));
  // Stopping the load reports a failure.
  writing.catch(() => {});
  return {
    endings,
    async stop() {
      stopped = true;
      await writing;
    },
  };
}
