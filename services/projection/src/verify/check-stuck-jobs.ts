import type { ConsumerStanding } from '@errand/bus';
import { executorConsumer, TIMERS_CONSUMER } from '@errand/contracts';
import { foldJob, isEnded, type JobState } from '@errand/domain';
import { forEachParallel, type VerifyRun } from './verify-context.ts';

/*
 * A job that is quiet is not stuck: an attempt may run for an hour and say nothing, and a request waits while all
 * executors have their hands full. It is stuck if nothing is left that would go on with it:
 *
 *   its deadline                        is long past, and nobody ended it
 *   its wait                            is long past, and no timer and no end of a wait is on its way
 *   the message that asks to run it     is settled, or no executor holds any message while some wait for work;
 *                                       and the executor that began it, if one did, says that it does not hold it
 */

/** Where no executor of an action was ever seen. */
const USUAL_LEASE_MS = 30_000;

/** Looks at jobs of which nothing was heard for a while. @throws LogUnavailable */
export async function checkStuckJobs(run: VerifyRun, quiet: readonly JobState[]): Promise<void> {
  const standings = new Map<string, ConsumerStanding | undefined>();
  for (const { action } of quiet) {
    if (standings.has(action)) continue;
    standings.set(action, await run.deps.bus.standingOf(executorConsumer(action, 0)));
  }
  const timers = await run.deps.bus.standingOf(TIMERS_CONSUMER);
  await forEachParallel(run, quiet, async (seen) => {
    const standing = standings.get(seen.action);
    const why = await whyStuck(run, seen, { standing, timers });
    // A second look: what it waited for may have been on its way.
    if (why === undefined) return;
    const again = foldJob(await run.deps.bus.readJob(seen)) ?? seen;
    if (isEnded(again.phase.value.status) || again.version !== seen.version) return;
    const detail = `${seen.phase.value.status} at ${seen.version}: ${why}`;
    run.findings.add('job_stuck', { id: seen.jobId, detail });
  });
}

async function whyStuck(
  run: VerifyRun,
  seen: JobState,
  { standing, timers }: Record<'standing' | 'timers', ConsumerStanding | undefined>,
): Promise<string | undefined> {
  const { bus, graceMs } = run.deps;
  const nowMs = run.deps.now();
  const events = await bus.readJob(seen);
  const state = foldJob(events) ?? seen;
  const { status, nextAt } = state.phase.value;
  if (isEnded(status) || state.version !== seen.version) return undefined;
  const isPast = (atMs: number) => atMs + (standing?.ackWaitMs ?? USUAL_LEASE_MS) + graceMs < nowMs;
  if (isPast(Date.parse(state.request.value?.data.finish_by ?? ''))) return 'its deadline has passed';
  if (!isPast(Date.parse(state.updatedAt))) return undefined;
  if (nextAt !== null) {
    const isUnderWay = (timers?.pending ?? 0) + (timers?.ackPending ?? 0) > 0;
    return isPast(Date.parse(nextAt)) && !isUnderWay ? `its wait was over at ${nextAt}` : undefined;
  }
  if (!standing) return undefined;
  const asked = events.filter(({ event }) => event.type === 'JobRequested' || event.type === 'JobDue');
  const isSettled = Math.max(0, ...asked.map(({ version }) => version)) <= standing.ackFloor;
  const isIdle = standing.waiting > 0 && standing.ackPending === 0 && standing.pending === 0;
  if (!isSettled && !isIdle) return undefined;
  const { executorId } = state.attempt.value;
  const isHeld = status === 'running' && executorId !== null && (await bus.askHolds(executorId, seen.jobId));
  return isHeld ? undefined : 'no executor holds it, and none will be asked to run it';
}
