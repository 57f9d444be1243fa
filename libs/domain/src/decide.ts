import {
  FAULT_CODES,
  type JobEventOf,
  type JobFact,
  type JobFault,
  type PayloadRef,
} from '@errand/contracts';
import { isEnded, type JobState } from './job.ts';
import type { Operation } from './operation.ts';
import type { RecordedRequest } from './request.ts';

/*
 * Which event may be written next. An ended job accepts none of these commands, an unknown one only requestJob.
 *
 *   command          queued                   running
 *   startAttempt     JobStarted               JobStarted, of the next attempt: the executor went away
 *   handOverAttempt  -                        JobDue: the executor stops
 *   deferAttempt     -                        JobDeferred
 *   reportProgress   -                        JobProgressed
 *   succeedAttempt   -                        JobSucceeded
 *   failAttempt      -                        JobFailed
 *   retryAttempt     -                        JobRetrying
 *   stopAttempt      -                        JobCanceled, if cancel was requested
 *   wakeJob          JobDue, if it waits      JobDue, if the attempt is deferred
 *   carryJob         JobCarried, if it waits  JobCarried, if the attempt is deferred
 *                    for a time or its turn,  or its events have left the log
 *                    or its events have left
 *                    the log
 *   adoptJob         JobDue, if its request     JobDue, if its request names no contract
 *                    names no contract
 *   giveTurn         JobDue, if it waits for    -
 *                    no time
 *   cancelJob        JobCanceled; with an       JobCancelRequested
 *                    operation outside,
 *                    JobCancelRequested
 *   expireJob        JobExpired, if overdue   JobExpired, if overdue
 *
 * Commands that name an attempt apply only to the current one. If cancel was requested, startAttempt, retryAttempt and
 * handOverAttempt lead to JobCanceled.
 *
 * Attempts are counted by what uses them up: a failure, or an executor that went away without notice. So the limit is
 * on how often a job fails or loses its executor. A hand-over uses up nothing: the attempt starts anew under its
 * number, however often executors are told to stop. If the last allowed attempt is used up, startAttempt leads to
 * JobFailed.
 *
 * A decision holds for the version it was made on: the append is guarded by that version, so whoever lost a race
 * reads again and decides again.
 */

export type Command =
  | { type: 'requestJob'; request: JobEventOf<'JobRequested'>['data'] }
  | { type: 'startAttempt'; executorId: string; maxAttempts: number; isolated?: boolean }
  | { type: 'reportProgress'; attempt: number; percent: number; message?: string }
  /** With a `resultRef`, the result is stored there and `result` is not written. */
  | { type: 'succeedAttempt'; attempt: number; result?: unknown; resultRef?: PayloadRef; durationMs: number }
  | { type: 'failAttempt'; attempt: number; error: JobFault; durationMs: number }
  | { type: 'retryAttempt'; attempt: number; error: JobFault; retryAt: string }
  | { type: 'handOverAttempt'; attempt: number; executorId: string }
  | {
      type: 'deferAttempt';
      attempt: number;
      until: string;
      operation: string;
      beganAt?: string;
      waitsFor?: 'callback';
    }
  | { type: 'stopAttempt'; attempt: number }
  /** `contractId` is for a job whose request names none. */
  | { type: 'wakeJob'; contractId?: string }
  /** Lets the executors have a job that was held. Whether it was, the lane of its request says. */
  | { type: 'giveTurn' }
  /**
   * `leftAt`: the time, for a job whose events have left the log, which is due then; `heldSince`: since when a job waits for
   * its turn. Others must wait for a time.
   */
  | {
      type: 'carryJob';
      request: RecordedRequest;
      operation: Operation | undefined;
      isolated?: boolean;
      leftAt?: string | undefined;
      heldSince?: string | undefined;
    }
  /** Lets the executors of this contract run a job from before contracts had ids. */
  | { type: 'adoptJob'; contractId: string }
  /** `hasOperation`: an attempt has deferred, so an executor has to cancel the operation before the job ends. */
  | { type: 'cancelJob'; by: string; reason?: string; hasOperation?: boolean }
  | { type: 'expireJob'; nowMs: number };

export type Rejection =
  /** No JobRequested is known. */
  | 'unknown_job'
  | 'already_requested'
  | 'already_ended'
  | 'cancel_already_requested'
  /** Another attempt has begun since, or this one never did. */
  | 'not_the_current_attempt'
  /** Nobody asked for the job to be canceled. */
  | 'cancel_not_requested'
  /** Its request already names the contract that it runs under. */
  | 'not_without_contract'
  /** The job is not waiting for a time to come. */
  | 'not_waiting'
  /** Neither deadline has passed. */
  | 'not_overdue';

export type Decision = { kind: 'fact'; fact: JobFact } | { kind: 'rejected'; reason: Rejection };

/** The event that a command leads to, or why it is refused. Pure: the caller supplies time, ids and envelopes. */
export function decide(command: Command, state: JobState | undefined): Decision {
  if (command.type === 'requestJob') {
    if (state !== undefined) return rejected('already_requested');
    return fact({ type: 'JobRequested', data: command.request });
  }
  if (state === undefined || state.phase.value.status === null) return rejected('unknown_job');
  if (isEnded(state.phase.value.status)) return rejected('already_ended');
  switch (command.type) {
    case 'startAttempt':
      return startAttempt(command, state);
    case 'wakeJob':
      return wakeJob(command, state);
    case 'giveTurn':
      return giveTurn(state);
    case 'carryJob':
      return carryJob(command, state);
    case 'adoptJob':
      return adoptJob(command, state);
    case 'cancelJob':
      return cancelJob(command, state);
    case 'expireJob':
      return expireJob(command, state);
    case 'reportProgress':
    case 'succeedAttempt':
    case 'failAttempt':
    case 'retryAttempt':
    case 'handOverAttempt':
    case 'deferAttempt':
    case 'stopAttempt':
      return isCurrentAttempt(command.attempt, state)
        ? ofAttempt(command, state)
        : rejected('not_the_current_attempt');
  }
}

type OfAttempt = Extract<Command, { attempt: number }>;

function ofAttempt(command: OfAttempt, state: JobState): Decision {
  const { attempt } = command;
  const cancelRequestedBy = state.cancelRequested.value;
  switch (command.type) {
    case 'reportProgress': {
      const { percent, message } = command;
      return fact({
        type: 'JobProgressed',
        data: { attempt, percent, ...(message === undefined ? {} : { message }) },
      });
    }
    case 'succeedAttempt': {
      const { result, resultRef, durationMs } = command;
      const outcome = resultRef ? { result_ref: resultRef } : { result };
      return fact({ type: 'JobSucceeded', data: { attempt, ...outcome, duration_ms: durationMs } });
    }
    case 'failAttempt': {
      const { error, durationMs } = command;
      return fact({ type: 'JobFailed', data: { attempt, error, duration_ms: durationMs } });
    }
    case 'retryAttempt': {
      if (cancelRequestedBy !== null) return canceled(cancelRequestedBy);
      const { error, retryAt } = command;
      return fact({ type: 'JobRetrying', data: { attempt, error, retry_at: retryAt } });
    }
    case 'handOverAttempt': {
      if (cancelRequestedBy !== null) return canceled(cancelRequestedBy);
      const data = { reason: 'retry', ...contractOf(state), handed_over_by: command.executorId };
      return fact({ type: 'JobDue', data });
    }
    case 'deferAttempt': {
      if (cancelRequestedBy !== null) return rejected('cancel_already_requested');
      const { until, operation, beganAt, waitsFor } = command;
      const began = beganAt === undefined ? {} : { began_at: beganAt };
      const waits = waitsFor === undefined ? {} : { waits_for: waitsFor };
      return fact({ type: 'JobDeferred', data: { attempt, until, operation, ...began, ...waits } });
    }
    case 'stopAttempt':
      return cancelRequestedBy === null ? rejected('cancel_not_requested') : canceled(cancelRequestedBy);
  }
}

function startAttempt(command: Extract<Command, { type: 'startAttempt' }>, state: JobState): Decision {
  const previous = state.attempt.value.number;
  if (state.cancelRequested.value !== null) return canceled(state.cancelRequested.value);
  const attempt = wasHandedOver(state) ? previous : previous + 1;
  if (attempt > command.maxAttempts) {
    const error = { code: 'attempts_exhausted', message: FAULT_CODES.attempts_exhausted };
    return fact({ type: 'JobFailed', data: { attempt: previous, error, duration_ms: 0 } });
  }
  const { executorId, isolated = false } = command;
  return fact({
    type: 'JobStarted',
    data: { attempt, executor_id: executorId, ...(isolated ? { isolated } : {}) },
  });
}

/** Begun, no longer running, and no failure recorded since. */
function wasHandedOver({ phase, attempt, outcome }: JobState): boolean {
  const hasBegun = attempt.value.executorId !== null;
  return phase.value.status === 'queued' && hasBegun && outcome.version <= attempt.version;
}

function wakeJob({ contractId }: Extract<Command, { type: 'wakeJob' }>, state: JobState): Decision {
  if (state.phase.value.nextAt === null) return rejected('not_waiting');
  return fact({ type: 'JobDue', data: { reason: reasonOf(state), ...contractOf(state, contractId) } });
}

function giveTurn(state: JobState): Decision {
  const { status, nextAt } = state.phase.value;
  if (status !== 'queued' || nextAt !== null) return rejected('not_waiting');
  return fact(dueOf('turn', contractOf(state).contract_id));
}

/**
 * What `giveTurn` and `wakeJob` decide of a queued job, for whoever has folded the log and knows the version at which the
 * job was queued: no state is needed beside that guard.
 */
export function dueOf(reason: 'turn' | 'start_after' | 'retry', contractId: string | undefined): JobFact {
  return {
    type: 'JobDue',
    data: { reason, ...(contractId === undefined ? {} : { contract_id: contractId }) },
  };
}

function carryJob(
  { request, operation, isolated = false, leftAt, heldSince }: Extract<Command, { type: 'carryJob' }>,
  { phase, attempt, progress, outcome, cancelRequested }: JobState,
): Decision {
  // JobCarried does not say so.
  if (cancelRequested.value !== null && leftAt === undefined) return rejected('cancel_already_requested');
  const nextAt = phase.value.nextAt ?? leftAt ?? (phase.value.status === 'queued' ? heldSince : undefined);
  if (nextAt === undefined) return rejected('not_waiting');
  const deferred = deferralOf(phase.value, attempt.value);
  const told = progress.value;
  return fact({
    type: 'JobCarried',
    data: {
      requested_at: request.event.time,
      request: request.event.data,
      attempt: attempt.value.number - (deferred ? 1 : 0),
      ...(attempt.value.startedAt === null ? {} : { started_at: attempt.value.startedAt }),
      next_at: nextAt,
      errors: outcome.value.errors,
      ...(operation ? { operation: operation.address, began_at: operation.beganAt } : {}),
      ...(deferred ? { deferred } : {}),
      ...(told
        ? { progress: { percent: told.percent, message: told.message, updated_at: told.updatedAt } }
        : {}),
      ...(isolated ? { isolated } : {}),
    },
  });
}

function deferralOf(
  { status, nextAt, waitsFor }: JobState['phase']['value'],
  { executorId }: JobState['attempt']['value'],
): JobEventOf<'JobCarried'>['data']['deferred'] {
  if (status !== 'running' || nextAt === null || executorId === null) return undefined;
  return { executor_id: executorId, ...(waitsFor === undefined ? {} : { waits_for: waitsFor }) };
}

function adoptJob({ contractId }: Extract<Command, { type: 'adoptJob' }>, state: JobState): Decision {
  const { request, phase, attempt } = state;
  if (request.value === null || request.value.data.contract_id !== undefined) {
    return rejected('not_without_contract');
  }
  const { executorId } = attempt.value;
  const isRunning = phase.value.status === 'running' && executorId !== null;
  const data = { reason: 'update', contract_id: contractId };
  return fact({ type: 'JobDue', data: isRunning ? { ...data, handed_over_by: executorId } : data });
}

function reasonOf({ phase, attempt }: JobState): string {
  if (phase.value.status === 'running') return 'deferred';
  return attempt.value.number === 0 ? 'start_after' : 'retry';
}

function contractOf(state: JobState, otherwise?: string): { contract_id?: string } {
  const contract_id = state.request.value?.data.contract_id ?? otherwise;
  return contract_id === undefined ? {} : { contract_id };
}

function cancelJob(command: Extract<Command, { type: 'cancelJob' }>, state: JobState): Decision {
  const { by, reason, hasOperation = false } = command;
  if (state.phase.value.status === 'queued' && !hasOperation) return canceled(by);
  if (state.cancelRequested.value !== null) return rejected('cancel_already_requested');
  return fact({ type: 'JobCancelRequested', data: { by, ...(reason === undefined ? {} : { reason }) } });
}

function expireJob(command: Extract<Command, { type: 'expireJob' }>, state: JobState): Decision {
  const request = state.request.value?.data;
  const hasPassed = (deadline: string | undefined) =>
    deadline !== undefined && Date.parse(deadline) <= command.nowMs;
  if (state.attempt.value.number === 0 && hasPassed(request?.start_by)) {
    return fact({ type: 'JobExpired', data: { deadline: 'start_by' } });
  }
  if (hasPassed(request?.finish_by)) return fact({ type: 'JobExpired', data: { deadline: 'finish_by' } });
  return rejected('not_overdue');
}

function isCurrentAttempt(attempt: number, state: JobState): boolean {
  return state.phase.value.status === 'running' && state.attempt.value.number === attempt;
}

function canceled(by: string): Decision {
  return fact({ type: 'JobCanceled', data: { by } });
}

function fact(value: JobFact): Decision {
  return { kind: 'fact', fact: value };
}

function rejected(reason: Rejection): Decision {
  return { kind: 'rejected', reason };
}
