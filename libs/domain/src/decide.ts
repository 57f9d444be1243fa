import { FAULT_CODES, type JobEventOf, type JobFact, type JobFault } from '@errand/contracts';
import { isEnded, type JobState } from './job.ts';

/*
 * Which event may be written next.
 *
 *   state      requestJob   startAttempt              reportProgress, succeedAttempt, failAttempt
 *   (none)     queued       -                         -
 *   queued     -            running                   -
 *   running    -            running (next attempt)    of the current attempt only
 *   ended      -            -                         -
 *
 * A decision holds for the version it was made on: the append is guarded by that version, so whoever lost a race
 * reads again and decides again.
 */

export type Command =
  | { type: 'requestJob'; request: JobEventOf<'JobRequested'>['data'] }
  /** Begins the next attempt, also that of a job whose executor went away while running it. */
  | { type: 'startAttempt'; executorId: string; maxAttempts: number }
  | { type: 'reportProgress'; attempt: number; percent: number; message?: string }
  | { type: 'succeedAttempt'; attempt: number; result: unknown; durationMs: number }
  | { type: 'failAttempt'; attempt: number; error: JobFault; durationMs: number };

export type Rejection =
  /** No JobRequested is known. */
  | 'unknown_job'
  | 'already_requested'
  | 'already_ended'
  /** Another attempt has begun since, or this one never did. */
  | 'not_the_current_attempt';

export type Decision = { kind: 'fact'; fact: JobFact } | { kind: 'rejected'; reason: Rejection };

/** The event that a command leads to, or why it may not. Pure: time, ids and envelopes are the caller's. */
export function decide(command: Command, state: JobState | undefined): Decision {
  if (command.type === 'requestJob') {
    if (state !== undefined) return rejected('already_requested');
    return fact({ type: 'JobRequested', data: command.request });
  }
  if (state === undefined || state.phase.value.status === null) return rejected('unknown_job');
  if (isEnded(state.phase.value.status)) return rejected('already_ended');
  if (command.type === 'startAttempt') return startAttempt(command, state);
  if (!isCurrentAttempt(command.attempt, state)) return rejected('not_the_current_attempt');
  const { attempt } = command;
  switch (command.type) {
    case 'reportProgress': {
      const { percent, message } = command;
      return fact({
        type: 'JobProgressed',
        data: { attempt, percent, ...(message === undefined ? {} : { message }) },
      });
    }
    case 'succeedAttempt':
      return fact({
        type: 'JobSucceeded',
        data: { attempt, result: command.result, duration_ms: command.durationMs },
      });
    case 'failAttempt':
      return fact({
        type: 'JobFailed',
        data: { attempt, error: command.error, duration_ms: command.durationMs },
      });
  }
}

function startAttempt(command: Extract<Command, { type: 'startAttempt' }>, state: JobState): Decision {
  const previous = state.attempt.value.number;
  if (previous >= command.maxAttempts) {
    const error = { code: 'attempts_exhausted', message: FAULT_CODES.attempts_exhausted };
    return fact({ type: 'JobFailed', data: { attempt: previous, error, duration_ms: 0 } });
  }
  return fact({ type: 'JobStarted', data: { attempt: previous + 1, executor_id: command.executorId } });
}

function isCurrentAttempt(attempt: number, state: JobState): boolean {
  return state.phase.value.status === 'running' && state.attempt.value.number === attempt;
}

function fact(value: JobFact): Decision {
  return { kind: 'fact', fact: value };
}

function rejected(reason: Rejection): Decision {
  return { kind: 'rejected', reason };
}
