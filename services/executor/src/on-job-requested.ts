import type { Action } from '@errand/actions';
import type { Bus, Verdict, Work } from '@errand/bus';
import { ACK_WAIT_MS, type JobEventOf, type RecordedEvent } from '@errand/contracts';
import { foldJob, type JobState } from '@errand/domain';
import type { Logger } from '@errand/runtime';
import type { AttemptRunner } from './attempt-runner.ts';
import { createJobWriter } from './job-writer.ts';
import { runAttempt } from './run-attempt.ts';

export interface ExecutorDeps {
  readonly bus: Bus;
  readonly log: Logger;
  readonly executorId: string;
  readonly progressIntervalMs: number;
  /** Jobs at work in this process. */
  readonly atWork: Set<string>;
  /** Fires when attempts under way must be given up. */
  readonly giveUp: AbortSignal;
  readonly now: () => number;
  readonly onAttemptEnded: (action: string, outcome: string, durationMs: number) => void;
}

/**
 * Runs the job that an event asks for, if it is still to be run, and settles the event only when the job's ending
 * is in the log. An event may come twice: its executor died, or the server forgot that it was settled.
 *
 *   the job is …                                      what follows
 *   queued                                            an attempt
 *   running, its newest event older than the lease    an attempt: whoever ran it is gone
 *   running, here or elsewhere                        another look when the lease may be over
 *   ended                                             nothing
 */
export async function onJobRequested(
  work: Work,
  target: { action: Action; runner: AttemptRunner },
  deps: ExecutorDeps,
): Promise<Verdict> {
  const { ref } = work.recorded;
  const { jobId } = ref;
  if (deps.atWork.has(jobId)) return { kind: 'again', afterMs: ACK_WAIT_MS };
  deps.atWork.add(jobId);
  try {
    const events = await eventsOf(work, deps.bus);
    const request = events.find(isRequest);
    const state = foldJob(events);
    if (!request || !state) return { kind: 'done' };
    const leaseLeftMs = leaseLeft(state, deps.now());
    if (leaseLeftMs > 0) return { kind: 'again', afterMs: leaseLeftMs };
    const writer = createJobWriter({
      bus: deps.bus,
      ref,
      state,
      traceparent: request.event.traceparent,
      signal: deps.giveUp,
    });
    return await runAttempt({ writer, request, target, deps });
  } finally {
    deps.atWork.delete(jobId);
  }
}

/** A request that comes for the first time is all there is to know, unless the append of its start says otherwise. */
async function eventsOf(work: Work, bus: Bus): Promise<RecordedEvent[]> {
  const isFirst = work.deliveryCount === 1 && work.recorded.event.type === 'JobRequested';
  return isFirst ? [work.recorded] : bus.readJob(work.recorded.ref);
}

/** How long the executor that runs a job still has before it counts as gone, in milliseconds; 0 if nobody runs it. */
function leaseLeft(state: JobState, nowMs: number): number {
  if (state.phase.value.status !== 'running') return 0;
  return Math.max(0, Date.parse(state.updatedAt) + ACK_WAIT_MS - nowMs);
}

export type RecordedRequest = RecordedEvent & { event: JobEventOf<'JobRequested'> };

function isRequest(recorded: RecordedEvent): recorded is RecordedRequest {
  return recorded.event.type === 'JobRequested';
}
