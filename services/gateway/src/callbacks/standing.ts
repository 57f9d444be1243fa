import {
  type CallbackOperation,
  isEndingType,
  type JobEvent,
  type JobHistory,
  type RecordedEvent,
  readCallbackOperation,
} from '@errand/contracts';
import { foldJob, isEnded, type JobState, operationOf, requestIn } from '@errand/domain';

/** What the attempt waits for that a call is for. */
export interface Awaited {
  readonly beganAt: string;
  readonly operation: CallbackOperation;
}

/** Where a job stands, for a call to one of its attempts. */
export type Standing =
  /** The log says nothing of it. */
  | { kind: 'unknown' }
  /** The attempt may still begin to wait. */
  | { kind: 'early' }
  | { kind: 'waits'; state: JobState; awaited: Awaited; traceparent: string | undefined }
  /** It waits no longer: its deadline has passed, a cancel was requested, or a newer attempt has begun. */
  | { kind: 'over'; state: JobState; awaited: Awaited | undefined }
  | { kind: 'ended'; state: JobState; awaited: Awaited | undefined; ending: RecordedEvent | undefined };

export function standingOf(events: JobHistory, attempt: number): Standing {
  const state = foldJob(events);
  if (!state) return { kind: 'unknown' };
  const awaited = awaitedIn(events, attempt);
  const { status, nextAt } = state.phase.value;
  if (isEnded(status)) {
    const ending = events.findLast(({ event }) => isEndingType(event.type));
    return { kind: 'ended', state, awaited, ending };
  }
  const { number } = state.attempt.value;
  const isOver = state.cancelRequested.value !== null || number > attempt;
  if (awaited && !isOver && status === 'running' && nextAt !== null) {
    return { kind: 'waits', state, awaited, traceparent: requestIn(events)?.event.traceparent };
  }
  // Used up: it has failed, or the job was brought back.
  const isSpent = number === attempt && state.outcome.version >= state.attempt.version;
  return awaited || isOver || isSpent ? { kind: 'over', state, awaited } : { kind: 'early' };
}

function awaitedIn(events: JobHistory, attempt: number): Awaited | undefined {
  const found = operationOf(events.filter(({ event }) => deferredBy(event) === attempt));
  const operation = found && readCallbackOperation(found.address);
  return operation && { operation, beganAt: found.beganAt };
}

/** The number of the attempt that waits for something outside since an event. */
function deferredBy(event: JobEvent): number | undefined {
  if (event.type === 'JobDeferred') return event.data.attempt;
  return event.type === 'JobCarried' && event.data.deferred ? event.data.attempt + 1 : undefined;
}
