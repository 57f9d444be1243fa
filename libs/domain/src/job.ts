import {
  ENDED_STATUSES,
  isEndingType,
  JOB_ENDINGS,
  type JobEventOf,
  type JobFault,
  type JobStatus,
  type PayloadRef,
  type RecordedEvent,
  type UnreadEvent,
} from '@errand/contracts';

/*
 * A job is a handful of registers. Each event sets some of them, and in every register the newest event wins:
 *
 *   event                sets
 *   JobRequested         request, phase (queued, next_at if it starts later)
 *   JobStarted           phase (running), attempt, progress (none)
 *   JobProgressed        progress
 *   JobRetrying          phase (queued, next_at), outcome (errors)
 *   JobDeferred          phase (running, next_at)
 *   JobDue               phase (queued)
 *   JobCarried           request, phase (queued or running, next_at), attempt, progress, outcome (errors)
 *   JobCancelRequested   cancelRequested
 *   JobSucceeded         phase (succeeded), outcome (result), progress (100 %)
 *   JobFailed            phase (failed), outcome (errors)
 *   JobCanceled          phase (canceled), outcome
 *   JobExpired           phase (expired), outcome (errors)
 *
 * "Newest" means the higher version, so folding is commutative, associative and idempotent: events may arrive in
 * any order, twice, or split over processes that merge what each has seen. And since an event of one type sets the
 * same registers each time, the last event of each type is as good as the whole history.
 *
 * An event that this program cannot read counts, so that the next one can be appended after it, but sets nothing. The
 * exception: one whose subject ends the job sets the phase, or an ended job would be ended again.
 *
 * Which event may follow which is decided in decide.ts, before an event is written.
 */

/** A value and the version of the event that set it; version 0 means not set by any event seen so far. */
export interface Register<T> {
  readonly version: number;
  readonly value: T;
}

export interface JobState {
  readonly tenantId: string;
  readonly action: string;
  readonly jobId: string;
  /** Stream sequence of the newest event seen. */
  readonly version: number;
  readonly updatedAt: string;
  readonly request: Register<JobRequest | null>;
  readonly phase: Register<{
    status: JobStatus | null;
    /** When a waiting job runs again, or a deferred attempt resumes. */
    nextAt: string | null;
    /** What a deferred attempt waits for, if it says so. */
    waitsFor?: string;
    finishedAt: string | null;
  }>;
  readonly attempt: Register<{ number: number; startedAt: string | null; executorId: string | null }>;
  readonly progress: Register<{ percent: number; message: string | null; updatedAt: string } | null>;
  /** `resultRef` says where a result is stored that is not here. */
  readonly outcome: Register<{ result: unknown; resultRef?: PayloadRef; errors: JobFault[] }>;
  /** Who asked for the job to be canceled. */
  readonly cancelRequested: Register<string | null>;
}

/** What the job was asked to do, without its input: inputs stay in the log. */
export interface JobRequest {
  readonly requestedAt: string;
  readonly data: Omit<JobEventOf<'JobRequested'>['data'], 'input'>;
}

/** The only fold: a job's state once an event is known. Total and order-free; see the head of this file. */
export function evolve(state: JobState | undefined, recorded: RecordedEvent): JobState {
  const seen = stateOf(recorded);
  return state === undefined ? seen : mergeJobStates(state, seen);
}

/** Folds any number of events of one job, in any order. Undefined if none can be read. */
export function foldJob(
  events: Iterable<RecordedEvent> & { readonly unread?: readonly UnreadEvent[] },
): JobState | undefined {
  let state: JobState | undefined;
  for (const recorded of events) state = evolve(state, recorded);
  for (const unread of events.unread ?? []) state &&= passOver(state, unread);
  return state;
}

/** What two readers together know of one job. */
export function mergeJobStates(a: JobState, b: JobState): JobState {
  const newest = a.version >= b.version ? a : b;
  return {
    tenantId: a.tenantId,
    action: a.action,
    jobId: a.jobId,
    version: newest.version,
    updatedAt: newest.updatedAt,
    request: newer(a.request, b.request),
    phase: newer(a.phase, b.phase),
    attempt: newer(a.attempt, b.attempt),
    progress: newer(a.progress, b.progress),
    outcome: newer(a.outcome, b.outcome),
    cancelRequested: newer(a.cancelRequested, b.cancelRequested),
  };
}

/** True once no further event can follow. */
export function isEnded(status: JobStatus | null): boolean {
  return ENDED_STATUSES.some((ended) => ended === status);
}

function newer<T>(a: Register<T>, b: Register<T>): Register<T> {
  return a.version >= b.version ? a : b;
}

function passOver(state: JobState, { version, type }: UnreadEvent): JobState {
  const status = isEndingType(type) ? JOB_ENDINGS[type] : undefined;
  const phase = status
    ? newer(state.phase, { version, value: { status, nextAt: null, finishedAt: null } })
    : state.phase;
  return { ...state, version: Math.max(state.version, version), phase };
}

const NOT_ENDED = { nextAt: null, finishedAt: null };
const UNSET: Pick<JobState, 'request' | 'phase' | 'attempt' | 'progress' | 'outcome' | 'cancelRequested'> = {
  request: { version: 0, value: null },
  phase: { version: 0, value: { status: null, ...NOT_ENDED } },
  attempt: { version: 0, value: { number: 0, startedAt: null, executorId: null } },
  progress: { version: 0, value: null },
  outcome: { version: 0, value: { result: null, errors: [] } },
  cancelRequested: { version: 0, value: null },
};

/** What one event alone says about its job. */
function stateOf({ ref, version, event }: RecordedEvent): JobState {
  return { ...ref, version, updatedAt: event.time, ...UNSET, ...registersOf(version, event) };
}

function registersOf(version: number, event: RecordedEvent['event']): Partial<JobState> {
  const at = event.time;
  const set = <T>(value: T): Register<T> => ({ version, value });
  const phase = (status: JobStatus, nextAt: string | null = null, finishedAt: string | null = null) =>
    set({ status, nextAt, finishedAt });
  const ended = (status: JobStatus, errors: JobFault[]) => ({
    phase: phase(status, null, at),
    outcome: set({ result: null, errors }),
  });
  const deferred = (until: string, waitsFor?: string) => {
    const value = { status: 'running' as const, nextAt: until, finishedAt: null };
    return set(waitsFor === undefined ? value : { ...value, waitsFor });
  };
  switch (event.type) {
    case 'JobRequested': {
      const { input: _, ...data } = event.data;
      return { request: set({ requestedAt: at, data }), phase: phase('queued', data.start_after ?? null) };
    }
    case 'JobStarted': {
      const { attempt, executor_id } = event.data;
      return {
        phase: phase('running'),
        attempt: set({ number: attempt, startedAt: at, executorId: executor_id }),
        progress: set(null),
      };
    }
    case 'JobProgressed': {
      const { percent, message } = event.data;
      return { progress: set({ percent, message: message ?? null, updatedAt: at }) };
    }
    case 'JobRetrying':
      return {
        phase: phase('queued', event.data.retry_at),
        outcome: set({ result: null, errors: [event.data.error] }),
      };
    case 'JobDeferred':
      return { phase: deferred(event.data.until, event.data.waits_for) };
    case 'JobDue':
      return { phase: phase('queued') };
    case 'JobCarried': {
      const { requested_at, request, attempt, started_at: startedAt = null, next_at, errors } = event.data;
      const { deferred: waits, progress: told } = event.data;
      const { input: _, ...data } = request;
      return {
        request: set({ requestedAt: requested_at, data }),
        phase: waits ? deferred(next_at, waits.waits_for) : phase('queued', next_at),
        attempt: waits
          ? set({ number: attempt + 1, startedAt, executorId: waits.executor_id })
          : set({ number: attempt, startedAt, executorId: null }),
        progress: set(
          told ? { percent: told.percent, message: told.message, updatedAt: told.updated_at } : null,
        ),
        outcome: set({ result: null, errors }),
      };
    }
    case 'JobCancelRequested':
      return { cancelRequested: set(event.data.by) };
    case 'JobSucceeded': {
      const { result, result_ref: ref } = event.data;
      return {
        phase: phase('succeeded', null, at),
        outcome: set(
          ref ? { result: null, resultRef: ref, errors: [] } : { result: result ?? null, errors: [] },
        ),
        progress: set({ percent: 100, message: null, updatedAt: at }),
      };
    }
    case 'JobFailed':
      return ended('failed', [event.data.error]);
    case 'JobCanceled':
      return ended('canceled', []);
    case 'JobExpired': {
      const { deadline } = event.data;
      return ended('expired', [{ code: 'expired', message: `The job's ${deadline} passed.` }]);
    }
  }
}
