import type { Action } from '@errand/actions';
import type { Bus, Verdict, Work } from '@errand/bus';
import type { InputError, JobHistory } from '@errand/contracts';
import { foldJob, operationOf, requestIn, wasIsolated } from '@errand/domain';
import type { Logger, Tracing } from '@errand/runtime';
import type { PayloadLimits } from '../attempt/attempt-payloads.ts';
import { traceAttempts } from '../attempt/attempt-trace.ts';
import type { AttemptWatch } from '../attempt/attempt-watch.ts';
import type { CallbackKeyring } from '../attempt/callback-keys.ts';
import type { CallerLogLimits } from '../attempt/caller-log.ts';
import { createJobWriter } from '../attempt/job-writer.ts';
import { runAttempt } from '../attempt/run-attempt.ts';
import type { LogLimits } from '../isolation/attempt-log.ts';
import type { AttemptRunner } from '../isolation/attempt-runner.ts';
import type { OnStray } from '../isolation/guard-process.ts';
import { runsElsewhere } from './lost-executor.ts';
import type { IsLogTight } from './tight-log.ts';

export interface ExecutorDeps {
  readonly bus: Bus;
  readonly log: Logger;
  /** Undefined unless traces are wanted. */
  readonly tracing: Tracing | undefined;
  readonly executorId: string;
  readonly leaseMs: number;
  readonly progressIntervalMs: number;
  readonly isLogTight: IsLogTight;
  readonly callbacks: CallbackKeyring;
  readonly limits: PayloadLimits & LogLimits & CallerLogLimits;
  /** Jobs at work in this process, with what watches them once an attempt has begun. */
  readonly atWork: Map<string, AttemptWatch | undefined>;
  /** Fires when attempts under way must be handed to other executors. */
  readonly giveUp: AbortSignal;
  /** Whether the process stops since it has failed, and not because it was told to. */
  readonly hasFailed: () => boolean;
  readonly now: () => number;
  /** By the log's clock: it ends the waits. */
  readonly logNow: () => number;
  /** In [0, 1). */
  readonly random: () => number;
  readonly onAttemptEnded: (action: string, outcome: string, durationMs: number) => void;
  readonly onStray: OnStray;
}

export interface Target {
  readonly action: Action;
  readonly runner: AttemptRunner;
  /** Says what is wrong with a result, as the contract wants it that the job was taken under. */
  readonly checkResult: ((json: string | undefined) => InputError[]) | undefined;
}

/**
 * Runs the job that an event asks for, if it is still to be run, and settles the event only when what follows is in
 * the log. An event may come twice: its executor died, or the server forgot that it was settled.
 *
 *   the job …                                           what follows
 *   is queued                                           an attempt
 *   waits for a time to come                            nothing: the scheduler ends its wait
 *   runs here, or on an executor that says so           another look after the lease
 *   runs on an executor that is gone, or paused         an attempt, which fences the other one, alone in a process
 *   has ended, or has left the log                      nothing
 */
export async function onJobRequested(work: Work, target: Target, deps: ExecutorDeps): Promise<Verdict> {
  const { ref } = work.recorded;
  const { jobId } = ref;
  const later: Verdict = { kind: 'again', afterMs: deps.leaseMs };
  if (deps.atWork.has(jobId)) return later;
  deps.atWork.set(jobId, undefined);
  try {
    const events = await eventsOf(work, deps.bus);
    const request = requestIn(events);
    const state = foldJob(events);
    if (!state) return { kind: 'done' };
    // Its request cannot be read by this program; perhaps by another one.
    if (!request) return later;
    const { status, nextAt } = state.phase.value;
    if (nextAt !== null) return { kind: 'done' };
    if (await runsElsewhere(state, deps)) return later;
    const trace = traceAttempts(deps, events, request);
    const writer = createJobWriter({
      bus: deps.bus,
      ref,
      state,
      traceparent: trace.traceparent,
      now: deps.now,
      signal: deps.giveUp,
    });
    const isTakeover = status === 'running';
    const isolated = await target.runner.isolates({ isTakeover, wasIsolated: wasIsolated(events) });
    const from = isTakeover ? state.attempt.value.executorId : null;
    const operation = operationOf(events);
    return await runAttempt({
      writer,
      request,
      operation,
      target,
      deps,
      isolated,
      trace,
      takenFrom: from ?? undefined,
    });
  } finally {
    deps.atWork.delete(jobId);
  }
}

/**
 * What comes for the first time, with what was before it, is all there is to know, unless the append of the start says
 * otherwise.
 */
async function eventsOf({ recorded, deliveryCount }: Work, bus: Bus): Promise<JobHistory> {
  const { ref, version, event } = recorded;
  if (deliveryCount > 1) return bus.jobs.read({ ...ref, known: version });
  if (event.type === 'JobRequested') return [recorded];
  if (event.type === 'JobDue' && event.data.reason === 'turn' && event.data.contract_id !== undefined) {
    const request = await bus.jobs.readHeldRequest(ref, event.data.contract_id);
    if (request) return [request, recorded];
  }
  return bus.jobs.read({ ...ref, atLeast: version });
}
