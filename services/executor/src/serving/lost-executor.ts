import type { Bus } from '@errand/bus';
import { foldJob, type JobState } from '@errand/domain';

/** Whether a job is at work on another executor, by that one's own word. */
export async function runsElsewhere(
  state: JobState,
  { bus, executorId: ownId }: { bus: Bus; executorId: string },
): Promise<boolean> {
  const { executorId } = state.attempt.value;
  if (state.phase.value.status !== 'running' || executorId === null) return false;
  if (executorId === ownId) return false;
  return bus.commands.askHolds(executorId, state.jobId);
}

/**
 * Whether the executor that has begun the newest attempt of an action is gone, with that attempt at work. The action may
 * be what it died of, and a process that is started in its place would die of the next job. False where it is not known.
 */
export async function hasLostExecutor(
  action: string,
  own: { bus: Bus; executorId: string },
): Promise<boolean> {
  try {
    const started = await own.bus.jobs.readLastStart(action);
    const state = started && foldJob(await own.bus.jobs.read(started.ref));
    // A deferred attempt is at work nowhere.
    if (state?.phase.value.status !== 'running' || state.phase.value.nextAt !== null) return false;
    return state.attempt.value.executorId !== own.executorId && !(await runsElsewhere(state, own));
  } catch {
    return false;
  }
}
