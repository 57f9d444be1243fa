import {
  type CallbackOperation,
  isEndingType,
  type JobEventOf,
  type JobHistory,
  type RecordedEvent,
  readCallbackOperation,
} from '@errand/contracts';
import { foldJob, isEnded, type JobState, requestIn } from '@errand/domain';

/** The JobDeferred of the attempt that a call is for. */
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
  const deferred = events.findLast(
    ({ event }) => event.type === 'JobDeferred' && event.data.attempt === attempt,
  )?.event as JobEventOf<'JobDeferred'> | undefined;
  const operation = deferred && readCallbackOperation(deferred.data.operation);
  return operation && { operation, beganAt: deferred.data.began_at ?? deferred.time };
}
