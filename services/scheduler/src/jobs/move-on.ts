import { randomUUIDv7 } from 'node:crypto';
import type { Bus } from '@errand/bus';
import { toJobEvent } from '@errand/contracts';
import { type Command, decide, foldJob, type JobState, requestIn } from '@errand/domain';
import type { OpenJob } from './open-jobs.ts';

export interface MoveOnDeps {
  readonly bus: { readonly jobs: Pick<Bus['jobs'], 'append' | 'read'> } & {
    readonly commands: Pick<Bus['commands'], 'askHolds'>;
  };
  /** Unix milliseconds by the clock of the log's server: no other clock ends waits. */
  readonly now: () => number;
  /** The contract whose executors run jobs of an action that name none. */
  readonly contractOf: (action: string) => string | undefined;
}

/** What became of a job whose time had come, or might have. */
export type Moved =
  | 'woken'
  | 'expired'
  | 'adopted'
  /** It was lost on its way to an executor, and is due again. */
  | 'brought_back'
  /** Nothing was to be done. What follows comes with the log. */
  | 'left'
  /** Somebody else was faster. That may have been mere progress, of which the log tells nothing: it is to be looked at again. */
  | 'beaten'
  /** The log does not hold it any more: it ended while this process could not read. */
  | 'gone'
  /** Nobody can run it at present. */
  | 'stranded';

/**
 * Does what a job's time asks for, as the log tells it: ends its wait, or the job. Two processes may do so at once, and
 * one of them writes.
 * @throws LogUnavailable
 */
export async function moveOn(job: OpenJob, deps: MoveOnDeps): Promise<Moved> {
  const { ref, contractId, version, standing } = job;
  const { bus, now, contractOf } = deps;
  const events = await bus.jobs.read({ ...ref, known: version });
  const state = foldJob(events);
  if (!state) return 'gone';
  const isHeld = standing === 'held';
  const command = commandFor(state, {
    nowMs: now(),
    contractId: contractId ?? contractOf(ref.action),
    isHeld,
  });
  if (command === undefined) return 'left';
  if (command === 'stranded') return 'stranded';
  const decision = decide(command, state);
  if (decision.kind === 'rejected') return 'left';
  const event = toJobEvent(decision.fact, {
    id: randomUUIDv7(),
    jobId: ref.jobId,
    source: '/errand/scheduler',
    timeMs: now(),
    traceparent: requestIn(events)?.event.traceparent,
  });
  const outcome = await bus.jobs.append({ ref, event, expectedVersion: state.version });
  if (outcome.kind === 'conflict') return 'beaten';
  return command.type === 'expireJob' ? 'expired' : 'woken';
}

/**
 * Has a job from before contracts had ids run by the executors of the action's contract of today.
 * @throws LogUnavailable
 */
export async function adopt({ ref, executorId, version }: OpenJob, deps: MoveOnDeps): Promise<Moved> {
  const { bus, now, contractOf } = deps;
  const contractId = contractOf(ref.action);
  if (contractId === undefined) return 'stranded';
  if (executorId !== undefined && (await bus.commands.askHolds(executorId, ref.jobId))) return 'stranded';
  const events = await bus.jobs.read({ ...ref, known: version });
  const state = foldJob(events);
  const decision = decide({ type: 'adoptJob', contractId }, state);
  if (!state || decision.kind === 'rejected' || state.phase.value.nextAt !== null) return 'left';
  const about = { id: randomUUIDv7(), jobId: ref.jobId, source: '/errand/scheduler', timeMs: now() } as const;
  const event = toJobEvent(decision.fact, about);
  const outcome = await bus.jobs.append({ ref, event, expectedVersion: state.version });
  return outcome.kind === 'appended' ? 'adopted' : 'beaten';
}

function commandFor(
  state: JobState,
  { nowMs, contractId, isHeld }: { nowMs: number; contractId: string | undefined; isHeld: boolean },
): Command | 'stranded' | undefined {
  const expire: Command = { type: 'expireJob', nowMs };
  if (decide(expire, state).kind === 'fact') return expire;
  const { nextAt } = state.phase.value;
  const isCanceled = state.cancelRequested.value !== null;
  // A wait that is over does not end before the job's turn.
  if (nextAt === null || ((isHeld || Date.parse(nextAt) > nowMs) && !isCanceled)) return undefined;
  return contractId === undefined ? 'stranded' : { type: 'wakeJob', contractId };
}
