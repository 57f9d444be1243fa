import { isDeepStrictEqual } from 'node:util';
import type { JobEvent, JobEventOf, RecordedEvent } from '@errand/contracts';
import { type Command, decide, evolve, isEnded, type JobState } from '@errand/domain';
import { isEnding } from '../e2e/chain-check.ts';
import { executorPid } from './executor-pid.ts';

/*
 * What must hold of one job's events, in the order of their versions:
 *
 *   - each is what `decide` writes for the state after the events before it; so attempts count 1, 2, 3, …, and
 *     whatever names an attempt names the newest one, while it runs;
 *   - the job is requested once and ended once, and nothing follows its ending;
 *   - no attempt begins while the job waits for a time to come, and no wait ends early, unless a cancel was requested;
 *   - the process named by an attempt matches the executor that began it.
 */

export interface HistoryViolation {
  readonly kind:
    | 'not_one_request'
    | 'not_ended'
    | 'second_ending'
    | 'event_after_ending'
    | 'superseded_attempt'
    | 'undecidable'
    | 'begun_while_waiting'
    | 'due_early'
    | 'foreign_executor';
  readonly jobId: string;
  readonly detail: string;
}

/** Replays one job's events, given in any order. Empty when all holds. */
export function checkHistory(
  events: readonly RecordedEvent[],
  { maxAttempts }: { maxAttempts: number },
): HistoryViolation[] {
  const jobId = events[0]?.ref.jobId ?? '';
  const violations: HistoryViolation[] = [];
  let state: JobState | undefined;
  for (const recorded of events.toSorted((a, b) => a.version - b.version)) {
    const { event, version } = recorded;
    const wrong = wrongOf(event, state, maxAttempts);
    if (wrong) violations.push({ kind: wrong, jobId, detail: `${event.type} at ${version}` });
    state = evolve(state, recorded);
  }
  const requests = events.filter(({ event }) => event.type === 'JobRequested').length;
  if (requests !== 1) violations.push({ kind: 'not_one_request', jobId, detail: `${requests} JobRequested` });
  const status = state?.phase.value.status ?? null;
  if (!isEnded(status)) violations.push({ kind: 'not_ended', jobId, detail: `still ${status}` });
  return violations;
}

function wrongOf(
  event: JobEvent,
  state: JobState | undefined,
  maxAttempts: number,
): HistoryViolation['kind'] | undefined {
  if (state && isEnded(state.phase.value.status)) {
    return isEnding(event.type) ? 'second_ending' : 'event_after_ending';
  }
  if (state && namesSupersededAttempt(event, state)) return 'superseded_attempt';
  if (!commandsOf(event, state, maxAttempts).some((command) => leadsTo(command, state, event))) {
    return 'undecidable';
  }
  const waitsUntil = state?.phase.value.nextAt ?? null;
  if (event.type === 'JobStarted' && waitsUntil !== null) return 'begun_while_waiting';
  const isCanceling = (state?.cancelRequested.value ?? null) !== null;
  if (event.type === 'JobDue' && waitsUntil !== null && event.time < waitsUntil && !isCanceling)
    return 'due_early';
  return state && ranElsewhere(event, state) ? 'foreign_executor' : undefined;
}

/** JobStarted also names an attempt: the one that it creates. */
function namesSupersededAttempt(event: JobEvent, state: JobState): boolean {
  if (event.type === 'JobStarted' || !('attempt' in event.data)) return false;
  return event.data.attempt !== state.attempt.value.number;
}

/** Every command that may have led to an event. */
function commandsOf(event: JobEvent, state: JobState | undefined, maxAttempts: number): Command[] {
  const attempt = state?.attempt.value.number ?? 0;
  const start: Command = { type: 'startAttempt', executorId: '', maxAttempts };
  switch (event.type) {
    case 'JobRequested':
      return [{ type: 'requestJob', request: event.data }];
    case 'JobStarted':
      return [{ ...start, executorId: event.data.executor_id, isolated: event.data.isolated === true }];
    case 'JobProgressed': {
      const { percent, message } = event.data;
      const told = message === undefined ? {} : { message };
      return [{ type: 'reportProgress', attempt: event.data.attempt, percent, ...told }];
    }
    case 'JobRetrying': {
      const { error, retry_at: retryAt } = event.data;
      return [{ type: 'retryAttempt', attempt: event.data.attempt, error, retryAt }];
    }
    case 'JobDue': {
      const { handed_over_by: executorId } = event.data;
      if (executorId !== undefined) return [{ type: 'handOverAttempt', attempt, executorId }];
      return [{ type: 'wakeJob' }, { type: 'giveTurn' }];
    }
    case 'JobDeferred': {
      const { until, operation, began_at: beganAt, waits_for: waitsFor } = event.data;
      const began = beganAt === undefined ? {} : { beganAt };
      const waits = waitsFor === 'callback' ? ({ waitsFor } as const) : {};
      return [{ type: 'deferAttempt', attempt, until, operation, ...began, ...waits }];
    }
    case 'JobCarried':
      return [];
    case 'JobCancelRequested': {
      const { by, reason } = event.data;
      const command = { type: 'cancelJob', by, ...(reason === undefined ? {} : { reason }) } as const;
      return [command, { ...command, hasOperation: true }];
    }
    case 'JobSucceeded': {
      const { result, duration_ms: durationMs } = event.data;
      return [{ type: 'succeedAttempt', attempt: event.data.attempt, result, durationMs }];
    }
    case 'JobFailed': {
      const { error, duration_ms: durationMs } = event.data;
      // Only starting a further attempt reveals that none is left.
      if (error.code === 'attempts_exhausted') return [start];
      return [{ type: 'failAttempt', attempt: event.data.attempt, error, durationMs }];
    }
    case 'JobCanceled': {
      const { by } = event.data;
      return [{ type: 'cancelJob', by }, { type: 'stopAttempt', attempt }, start];
    }
    case 'JobExpired':
      return [{ type: 'expireJob', nowMs: Date.parse(event.time) }];
  }
}

function leadsTo(command: Command, state: JobState | undefined, { type, data }: JobEvent): boolean {
  const decision = decide(command, state);
  return decision.kind === 'fact' && isDeepStrictEqual(decision.fact, { type, data });
}

function ranElsewhere(event: JobEvent, state: JobState): boolean {
  const told = toldPid(event);
  return told !== undefined && told !== executorPid(state.attempt.value.executorId ?? '');
}

/** The process that an attempt reports to run in, if any. */
function toldPid(event: JobEvent): number | undefined {
  const told =
    event.type === 'JobProgressed'
      ? /^pid (\d+)$/.exec(event.data.message ?? '')?.[1]
      : event.type === 'JobSucceeded'
        ? pidOfResult(event.data)
        : undefined;
  return told === undefined ? undefined : Number(told);
}

function pidOfResult({ result }: JobEventOf<'JobSucceeded'>['data']): string | undefined {
  return (result as { pid?: string } | null)?.pid;
}
