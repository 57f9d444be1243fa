import { isEnded, type JobState } from '@errand/domain';
import { type Ctx, endsOfWait } from '../http/request-log.ts';
import { awaitJob, isEnding, type JobWatch } from './job-watch.ts';

interface AwaitedJob {
  readonly job: { readonly tenantId: string; readonly jobId: string };
  readonly waitS: number;
  /** A version that the log is known to hold. */
  readonly atLeast?: number;
  readonly read: (atLeast: number | undefined) => Promise<JobState>;
  /** Told of each state that the job is seen in. */
  readonly onState?: ((state: JobState) => void) | undefined;
}

/**
 * The newest state of a job: once it has ended, or when the caller has waited for so long.
 * @throws what the first read throws
 */
export function awaitEnding(
  c: Ctx,
  { watch }: { readonly watch: JobWatch },
  { job, waitS, atLeast, read, onState }: AwaitedJob,
): Promise<JobState> {
  if (waitS === 0) return read(atLeast);
  return awaitJob(watch, job, {
    read,
    signals: endsOfWait(c),
    timeoutMs: waitS * 1_000,
    wakesOn: onState ? () => true : isEnding,
    isEnough(state) {
      onState?.(state);
      return hasEnded(state);
    },
    ...(atLeast === undefined ? {} : { atLeast }),
  });
}

export function hasEnded({ phase }: JobState): boolean {
  return isEnded(phase.value.status);
}
