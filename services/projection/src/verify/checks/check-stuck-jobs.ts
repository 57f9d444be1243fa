import { ActionRecord, BUCKETS, executorConsumerName, JOBS_STREAM } from '@errand/contracts';
import { foldJob, isEnded, type JobState } from '@errand/domain';
import { newestVersion } from '../newest-version.ts';
import { forEachParallel, type VerifyRun } from '../verify-context.ts';

/*
 * A job that is quiet is not stuck: an attempt may run for an hour and say nothing, and a request waits while all
 * executors have their hands full. It is stuck if nothing is left that would go on with it:
 *
 *   its deadline                        is long past, and nobody ended it
 *   its wait                            is long past, nobody ended it, and it does not wait for its turn
 *   the message that asks to run it     is settled, or no executor holds any message while some wait for work;
 *                                       and the executor that began it, if one did, says that it does not hold it
 */

/** Where no executor of an action was ever seen. */
const USUAL_LEASE_MS = 30_000;

/** Looks at jobs of which nothing was heard for a while. @throws LogUnavailable */
export async function checkStuckJobs(run: VerifyRun, quiet: readonly JobState[]): Promise<void> {
  const actions = await run.deps.bus.buckets.open(BUCKETS.actions, ActionRecord);
  const records = new Map<string, ActionRecord | undefined>();
  for (const { action } of quiet) if (!records.has(action)) records.set(action, await actions.get(action));
  await forEachParallel(run, quiet, async (seen) => {
    const why = await whyStuck(run, seen, records.get(seen.action));
    // A second look: what it waited for may have been on its way.
    if (why === undefined) return;
    const again = foldJob(await run.deps.bus.jobs.read(seen)) ?? seen;
    if (isEnded(again.phase.value.status) || again.version !== seen.version) return;
    const detail = `${seen.phase.value.status} at ${seen.version}: ${why}`;
    run.findings.add('job_stuck', { id: seen.jobId, detail });
  });
}

async function whyStuck(
  run: VerifyRun,
  seen: JobState,
  record: ActionRecord | undefined,
): Promise<string | undefined> {
  const { bus, graceMs } = run.deps;
  const nowMs = run.deps.now();
  const events = await bus.jobs.read(seen);
  const state = foldJob(events) ?? seen;
  const { status, nextAt } = state.phase.value;
  if (isEnded(status) || state.version !== seen.version) return undefined;
  const live = record?.contracts.find(
    ({ contract }) => contract.contract_id === state.request.value?.data.contract_id,
  );
  const isPast = (atMs: number) => atMs + (live?.lease_ms ?? USUAL_LEASE_MS) + graceMs < nowMs;
  if (isPast(Date.parse(state.request.value?.data.finish_by ?? ''))) return 'its deadline has passed';
  if (!isPast(Date.parse(state.updatedAt))) return undefined;
  if (status === 'queued' && (await waitsForScheduler(run, state))) return undefined;
  if (nextAt !== null) return isPast(Date.parse(nextAt)) ? `its wait was over at ${nextAt}` : undefined;
  const name = live && executorConsumerName(seen.action, live.slot);
  const standing = name && (await bus.consumers.standingOf({ stream: JOBS_STREAM, name }));
  if (!standing) return undefined;
  const asked = events.filter(({ event }) => event.type === 'JobRequested' || event.type === 'JobDue');
  const isSettled = newestVersion(asked) <= standing.ackFloor;
  const isIdle = standing.waiting > 0 && standing.ackPending === 0 && standing.pending === 0;
  if (!isSettled && !isIdle) return undefined;
  const { executorId } = state.attempt.value;
  const isHeld =
    status === 'running' && executorId !== null && (await bus.commands.askHolds(executorId, seen.jobId));
  return isHeld ? undefined : 'no executor holds it, and none will be asked to run it';
}

/** Whether a scheduler says that it will go on with a queued job: at its time, or by its turn. */
async function waitsForScheduler(run: VerifyRun, { jobId, version }: JobState): Promise<boolean> {
  try {
    const answer = await run.deps.bus.commands.askScheduler('place', { job_id: jobId, version });
    return answer.kind === 'place' && answer.place.waits_for !== 'executor';
  } catch {
    return false;
  }
}
