import { randomUUIDv7 } from 'node:crypto';
import { LogUnavailable } from '@errand/bus';
import { toJobEvent } from '@errand/contracts';
import { decide, evolve, foldJob, isEnded, type JobState, operationOf } from '@errand/domain';
import { z } from 'zod';
import { assertAt, type JobPlace } from '../actions/find-action.ts';
import { printable } from '../http/body-errors.ts';
import { Refusal } from '../http/problem.ts';
import { findJob } from './find-job.ts';
import type { JobsGroup } from './jobs-group.ts';

/** Why a job is to end, for whoever looks at it. */
export const CancelReason = printable(z.string().max(500));

/** Who wants which job to end. */
interface Cancellation {
  readonly tenantId: string;
  readonly jobId: string;
  readonly place: JobPlace;
  /** The name of the key. */
  readonly by: string;
  readonly reason?: string | undefined;
}

interface CancelOutcome {
  readonly state: JobState;
  /** False: its executor is asked to stop. */
  readonly isOver: boolean;
}

/**
 * Ends a queued job, and asks the executor of one that runs; asking again changes nothing.
 * @throws Refusal already_ended, unknown_job; LogUnavailable
 */
export async function requestCancel(
  jobs: JobsGroup['jobs'],
  cancellation: Cancellation,
): Promise<CancelOutcome> {
  const giveUpAt = performance.now() + jobs.appendTimeoutMs;
  while (performance.now() < giveUpAt) {
    const outcome = await tryCancel(jobs, cancellation);
    if (outcome) return outcome;
  }
  throw new LogUnavailable('the job changed each time before it could be canceled');
}

/** Undefined when another event came first. */
async function tryCancel(
  jobs: JobsGroup['jobs'],
  cancellation: Cancellation,
): Promise<CancelOutcome | undefined> {
  const { jobId, by, reason } = cancellation;
  const { state, hasOperation } = await readJob(jobs, cancellation);
  const command = {
    type: 'cancelJob',
    by,
    hasOperation,
    ...(reason === undefined ? {} : { reason }),
  } as const;
  const decision = decide(command, state);
  if (decision.kind === 'rejected') {
    if (decision.reason === 'cancel_already_requested') return { state, isOver: false };
    throw new Refusal('already_ended', { detail: `The job has ended: ${state.phase.value.status}.` });
  }
  const event = toJobEvent(decision.fact, {
    id: randomUUIDv7(),
    jobId,
    source: '/errand/gateway',
    timeMs: jobs.now(),
  });
  const ref = { tenantId: state.tenantId, action: state.action, jobId };
  const append = { ref, event, expectedVersion: state.version, deadlineMs: jobs.appendTimeoutMs };
  const outcome = await jobs.bus.jobs.append(append);
  if (outcome.kind === 'conflict') return undefined;
  const changed = evolve(state, { ref, version: outcome.version, event });
  return { state: changed, isOver: isEnded(changed.phase.value.status) };
}

/** The job as the log has it. One that the log has forgotten can only have ended, or be unknown. */
async function readJob(
  jobs: JobsGroup['jobs'],
  { tenantId, jobId, place }: Cancellation,
): Promise<{ state: JobState; hasOperation: boolean }> {
  const { action } = place;
  const events = await jobs.bus.jobs.read({ tenantId, jobId, ...(action === undefined ? {} : { action }) });
  const logged = foldJob(events);
  if (logged?.request.value) {
    assertAt(place, logged);
    return { state: logged, hasOperation: operationOf(events) !== undefined };
  }
  const found = await findJob(jobs, { tenantId, jobId, action, minVersion: 0 });
  assertAt(place, found);
  const { status } = found.phase.value;
  throw new Refusal('already_ended', { detail: `The job is ${status} and no longer in the log.` });
}
