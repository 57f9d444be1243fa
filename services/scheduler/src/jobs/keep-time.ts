import { setTimeout as pause } from 'node:timers/promises';
import { LogUnavailable } from '@errand/bus';
import { type Logger, repeat } from '@errand/runtime';
import { adopt, type Moved, type MoveOnDeps, moveOn } from './move-on.ts';
import type { OpenJob, OpenJobs } from './open-jobs.ts';

/** How many jobs are moved on at once. */
const PARALLEL = 64;
/** After a failure, where somebody else was faster, and for jobs that nobody can run. */
const AGAIN_MS = 1_000;
/** What the log's clock says is measured anew once a minute. */
const LONGEST_SLEEP_MS = 5_000;

/** Moves jobs on as their times come, until the signal. */
export async function keepTime(
  options: MoveOnDeps & {
    open: OpenJobs;
    log: Logger;
    tickMs: number;
    signal: AbortSignal;
    /** Whether all that the log held at the start is known. */
    isReady: () => boolean;
    onMoved: (outcome: Moved) => void;
    /** Told of jobs that the log does not hold any more. */
    onGone: (jobId: string) => void;
  },
): Promise<void> {
  const { open, now, log, tickMs, signal, isReady, onMoved, onGone } = options;

  async function move(job: OpenJob, act: typeof moveOn): Promise<void> {
    const { jobId } = job.ref;
    try {
      const outcome = await act(job, options);
      onMoved(outcome);
      if (outcome === 'stranded' || outcome === 'beaten') open.putBack(jobId, now() + AGAIN_MS);
      // Whatever it was counted for is free.
      if (outcome !== 'gone') return;
      open.end(jobId, now());
      onGone(jobId);
    } catch (err) {
      open.putBack(jobId, now() + AGAIN_MS);
      if (!(err instanceof LogUnavailable)) log.error({ err, job_id: jobId }, 'job_not_moved_on');
    }
  }

  async function moveDue(): Promise<void> {
    while (isReady() && !signal.aborted) {
      const due = open.due(now(), PARALLEL);
      if (due.length === 0) return;
      await Promise.all(due.map((job) => move(job, moveOn)));
    }
  }

  async function adoptOld(): Promise<void> {
    if (!isReady()) return;
    const old = [...open.withoutContract()].filter(({ wakeAt }) => wakeAt === undefined).slice(0, PARALLEL);
    await Promise.all(old.map((job) => move(job, adopt)));
  }

  /** Sleeps for a tick at least, and then until the nearest instant, also if that is set meanwhile. */
  async function untilDue(): Promise<void> {
    await pause(tickMs, undefined, { signal });
    if (!isReady()) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const untilNextMs = Math.max(0, open.nextAtMs() - now());
    const timer = setTimeout(resolve, Math.min(LONGEST_SLEEP_MS, untilNextMs));
    wake = resolve;
    await promise;
    clearTimeout(timer);
  }
  let wake = () => {};
  open.onNearer(() => wake());
  signal.addEventListener('abort', () => wake(), { once: true });

  const onError = (err: unknown) => log.error({ err }, 'jobs_not_moved_on');
  const moving = async () => {
    while (!signal.aborted) {
      await moveDue().catch(onError);
      await untilDue().catch(() => {});
    }
  };
  await Promise.all([moving(), repeat(adoptOld, { everyMs: LONGEST_SLEEP_MS, signal, onError })]);
}
