import type { Bus } from '@errand/bus';
import { JOB_RESERVE_BYTES, OPEN_JOBS_COUNTED_FROM } from '@errand/contracts';
import { Gauge, type Ops } from '@errand/runtime';
import { Refusal } from '../http/problem.ts';

/*
 * A full log takes no endings either, so no job could end. What is left of it therefore belongs to the jobs that are in
 * it: each has room reserved for a start, a retry and an end. New runs get the rest, up to the share of the log that
 * they may fill. From `TIGHT_LOG_RATIO` on, executors keep out of the log what need not be in it.
 */

/** Whether the log has room for more jobs. */
export interface LogRoom {
  /**
   * Lets new jobs in, of so many bytes together.
   * @throws Refusal log_nearly_full
   */
  admitRuns(runs: { jobs: number; bytes: number }): void;
  /** Whether one more job would be let in. */
  hasRoom(): boolean;
  /** How many bytes of the log one of several tenants may take, with what is kept for its jobs; undefined while there is room for all. */
  mostOfTenant(): number | undefined;
  [Symbol.dispose](): void;
}

/** Once so much of the log is taken, tenants have their share of it. */
const SHARED_FROM = 0.5;
/** What an event takes beside what the caller has sent. */
const ENVELOPE_BYTES = 1_024;
const LOOK_MS = 250;
/** While less than half of the log is filled, it is looked at so many times less often; */
const REST = 4;
/** and this many while this gateway lets nothing in, until it does. */
const IDLE_REST = 20;

/**
 * Looks now and then how full the log is, and counts what this process lets in between two looks. While the log does not
 * answer, the last look counts.
 */
export async function watchLogRoom(
  bus: { readonly jobs: Pick<Bus['jobs'], 'readFill' | 'countOpen'> },
  options: { runsPercent: number; tenantPercent: number; metrics: Ops['metrics'] },
): Promise<LogRoom> {
  let seen = { bytes: 0, maxBytes: 0, openJobs: 0 };
  /** Let in since the last look began: a look may not have seen it. */
  let admitted = { jobs: 0, bytes: 0 };
  /** Let in since the scheduler last told what waits: any of them may be open, if the log still holds it. */
  let unheard = 0;
  let isLooking = false;
  const ratio = () => (seen.maxBytes === 0 ? 0 : seen.bytes / seen.maxBytes);

  async function look(): Promise<void> {
    const before = { ...admitted };
    try {
      const fill = await bus.jobs.readFill();
      const isCounted = fill.maxBytes > 0 && fill.bytes >= fill.maxBytes * OPEN_JOBS_COUNTED_FROM;
      const open = isCounted ? await bus.jobs.countOpen() : undefined;
      unheard = open?.hasWaiting ? 0 : unheard + before.jobs;
      seen = { ...fill, openJobs: open ? open.jobs + Math.min(unheard, fill.messages) : 0 };
      admitted = { jobs: admitted.jobs - before.jobs, bytes: admitted.bytes - before.bytes };
    } catch {
      // Looked at again soon.
    }
  }
  function takenWith(runs: { jobs: number; bytes: number }) {
    const used = seen.bytes + admitted.bytes + runs.bytes + ENVELOPE_BYTES * (admitted.jobs + runs.jobs);
    const reserved = JOB_RESERVE_BYTES * (seen.openJobs + admitted.jobs + runs.jobs);
    return { used, all: used + reserved };
  }
  const fits = (runs: { jobs: number; bytes: number }) => {
    if (seen.maxBytes === 0) return true;
    const { used, all } = takenWith(runs);
    return used <= (seen.maxBytes * options.runsPercent) / 100 && all <= seen.maxBytes;
  };

  await look();
  let ticks = 0;
  const timer = setInterval(() => {
    const rest = ratio() >= 0.5 ? 1 : admitted.jobs > 0 ? REST : IDLE_REST;
    if (isLooking || ++ticks < rest) return;
    ticks = 0;
    isLooking = true;
    void look().finally(() => {
      isLooking = false;
    });
  }, LOOK_MS).unref();
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name,
      help,
      registers: [options.metrics],
      collect() {
        this.set(read());
      },
    });
  gauge('errand_log_fill_ratio', 'How much of the bytes that the log may hold are in it', ratio);
  gauge(
    'errand_log_open_jobs',
    'Jobs that the log keeps room for, counted from a twentieth of it on',
    () => seen.openJobs,
  );
  gauge('errand_log_takes_runs', '1 while the log has room for another run', () =>
    Number(fits({ jobs: 1, bytes: 0 })),
  );
  return {
    admitRuns(runs) {
      if (!fits(runs)) throw new Refusal('log_nearly_full');
      admitted = { jobs: admitted.jobs + runs.jobs, bytes: admitted.bytes + runs.bytes };
    },
    hasRoom: () => fits({ jobs: 1, bytes: 0 }),
    mostOfTenant() {
      if (seen.maxBytes === 0) return undefined;
      if (takenWith({ jobs: 0, bytes: 0 }).all <= seen.maxBytes * SHARED_FROM) return undefined;
      return (seen.maxBytes * options.tenantPercent) / 100;
    },
    [Symbol.dispose]: () => clearInterval(timer),
  };
}
