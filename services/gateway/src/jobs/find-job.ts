import type { Bus } from '@errand/bus';
import { LogUnavailable, mayHaveLeft } from '@errand/bus';
import { foldJob, isEnded, type JobState, mergeJobStates } from '@errand/domain';
import { Refusal } from '../http/problem.ts';
import type { LongLog } from './history/long-history.ts';
import type { JobStore } from './job-rows.ts';

export interface WantedJob {
  readonly tenantId: string;
  readonly jobId: string;
  /** Undefined: whichever the job has. */
  readonly action: string | undefined;
  /** The version that the caller has already seen. */
  readonly minVersion: number;
  /** A version that the log is known to hold. */
  readonly atLeast?: number | undefined;
  /** Whether a row that is not there may have been lost, as with a restored database. */
  readonly rowMayBeLost?: boolean;
}

export interface FindJobDeps {
  readonly bus: { readonly jobs: Pick<Bus['jobs'], 'read'> } & Pick<Bus, 'isConnected'>;
  readonly store: JobStore;
  readonly now: () => number;
  readonly longLog: LongLog;
}

/**
 * What is known of a job. The row answers for a job that has ended. Any other job is read from the log too, where
 * an accepted run and every later event are from the moment of their acknowledgement.
 *
 *   row               log            answer
 *   ended             not asked      row
 *   other or none     answers        both, merged; unknown_job if neither has it
 *   other or none     no answer      LogUnavailable: an older version than one already told must not be answered
 *   no answer         has nothing    the audit log for a job that may have left the log, else unknown_job
 *
 * Whoever knows of a version in the log need not ask for the row, which can only be older.
 *
 * @throws LogUnavailable, Refusal unknown_job
 */
export async function findJob(deps: FindJobDeps, wanted: WantedJob): Promise<JobState> {
  if (wanted.atLeast !== undefined) {
    const told = await readLog(deps, wanted, undefined);
    if (told && isComplete(told)) return told;
  }
  const stored = await deps.store.find(wanted.jobId);
  const row = stored.kind === 'row' ? stored.state : undefined;
  if (row && !belongs(row, wanted)) throw new Refusal('unknown_job');
  if (row && isFinal(row) && row.version >= wanted.minVersion) return row;
  const logged = await readLog(deps, wanted, row);
  const state = row && logged ? mergeJobStates(row, logged) : (logged ?? row);
  if (state && isComplete(state)) return state;
  // Without the row nobody knows whether there ever was such a job, if it may have left the log.
  const isOpen = stored.kind === 'unavailable' || wanted.rowMayBeLost;
  const old = isOpen && mayHaveLeft(wanted.jobId, deps.now()) ? await deps.longLog.find(wanted) : undefined;
  if (old && isComplete(old)) return old;
  throw new Refusal('unknown_job');
}

async function readLog(
  { bus }: FindJobDeps,
  wanted: WantedJob,
  row: JobState | undefined,
): Promise<JobState | undefined> {
  if (!bus.isConnected()) throw new LogUnavailable('not connected');
  const { tenantId, jobId } = wanted;
  // The subjects hold the tenant and the action, so a job of another one is simply not found there.
  const action = wanted.action ?? row?.action;
  const { atLeast } = wanted;
  return foldJob(
    await bus.jobs.read({
      tenantId,
      jobId,
      ...(action === undefined ? {} : { action }),
      ...(atLeast === undefined ? {} : { atLeast }),
    }),
  );
}

function belongs(state: JobState, wanted: WantedJob): boolean {
  return (
    state.tenantId === wanted.tenantId && (wanted.action === undefined || state.action === wanted.action)
  );
}

/** Whether the request itself has been seen: later events may reach the row before it. */
function isComplete(state: JobState): boolean {
  return state.request.value !== null && state.phase.value.status !== null;
}

/** Whether nothing can be added to the row any more, by later events or by earlier ones that are still to come. */
function isFinal(state: JobState): boolean {
  const { status } = state.phase.value;
  const attempted = status === 'succeeded' || status === 'failed';
  return isComplete(state) && isEnded(status) && (!attempted || state.attempt.version > 0);
}
