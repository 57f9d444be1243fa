import { randomUUIDv7 } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { Bus } from '@errand/bus';
import { LogFull, LogUnavailable } from '@errand/bus';
import { type JobRef, type RecordedEvent, toJobEvent } from '@errand/contracts';
import { type Command, decide, evolve, foldJob, type JobState, type Rejection } from '@errand/domain';

/** Writes one job's events as this process decides them, and knows the job's state as far as it has seen it. */
export interface JobWriter {
  readonly state: () => JobState | undefined;
  /**
   * Decides and appends; after a lost race it reads the job and decides again. Calls are served one after the other.
   * `persist` goes on through outages for as long as the signal allows; otherwise LogUnavailable is thrown.
   * @throws LogUnavailable
   * @throws EventTooLarge
   */
  write(command: Command, options?: WriteOptions): Promise<WriteOutcome>;
  /**
   * The same without a second decision: a lost race is told. It goes on through outages: what was written and not
   * acknowledged would be somebody's, and nobody's.
   * @throws LogUnavailable once the signal has fired
   */
  writeOnce(command: Command): Promise<WriteOutcome | { kind: 'conflict' }>;
  /**
   * Reads the job, unless this version has been seen by the time that earlier calls are served.
   * @throws LogUnavailable
   */
  catchUp(version: number): Promise<void>;
}

interface WriteOptions {
  readonly persist: boolean;
  /** Throws LogFull for an event that may be made smaller. */
  readonly unlessFull?: boolean;
}

export type WriteOutcome =
  | { kind: 'written'; recorded: RecordedEvent }
  | { kind: 'rejected'; reason: Rejection };

const MAX_RETRY_PAUSE_MS = 2_000;

export function createJobWriter(options: {
  bus: Bus;
  ref: JobRef;
  state: JobState | undefined;
  /** What events say of the trace that they are part of. */
  traceparent: () => string | undefined;
  now: () => number;
  /** Ends the patience of persistent writes. */
  signal: AbortSignal;
}): JobWriter {
  const { bus, ref, traceparent, now, signal } = options;
  let state = options.state;
  let queue: Promise<unknown> = Promise.resolve();

  async function decideAndAppend(
    command: Command,
    { persist, unlessFull = false }: WriteOptions,
  ): Promise<WriteOutcome | { kind: 'conflict' }> {
    const decision = decide(command, state);
    if (decision.kind === 'rejected') return decision;
    const event = toJobEvent(decision.fact, {
      id: randomUUIDv7(),
      jobId: ref.jobId,
      source: '/errand/executor',
      timeMs: now(),
      traceparent: traceparent(),
    });
    // The same event is appended again after silence: its id tells whether an earlier try was stored.
    const append = () => bus.jobs.append({ ref, event, expectedVersion: state?.version ?? 0 });
    const outcome = await (persist ? persistently(append, signal, { unlessFull }) : append());
    if (outcome.kind === 'conflict') return outcome;
    const recorded = { ref, version: outcome.version, event };
    state = evolve(state, recorded);
    return { kind: 'written', recorded };
  }

  async function write(command: Command, options: WriteOptions): Promise<WriteOutcome> {
    for (let conflicts = 0; ; conflicts++) {
      const outcome = await decideAndAppend(command, options);
      if (outcome.kind !== 'conflict') return outcome;
      // One is a lost race. Many are a job that others write to without a pause.
      if (conflicts > 2) await pause(Math.min(MAX_RETRY_PAUSE_MS, 20 * 2 ** conflicts));
      const read = () => bus.jobs.read(ref);
      state = foldJob(await (options.persist ? persistently(read, signal) : read()));
    }
  }

  function inTurn<T>(call: () => Promise<T>): Promise<T> {
    const result = queue.then(call);
    queue = result.catch(() => {});
    return result;
  }

  return {
    state: () => state,
    write: (command, options = { persist: false }) => inTurn(() => write(command, options)),
    writeOnce: (command) => inTurn(() => decideAndAppend(command, { persist: true })),
    catchUp: (version) =>
      inTurn(async () => {
        if ((state?.version ?? 0) < version) state = foldJob(await bus.jobs.read(ref));
      }),
  };
}

/**
 * Makes a call until the log has answered it, or the signal has fired, or, with `unlessFull`, the log is full. `onDelay` is
 * told once of an answer that did not come.
 */
export async function persistently<T>(
  call: () => Promise<T>,
  signal: AbortSignal,
  {
    onDelay = () => {},
    unlessFull = false,
  }: { onDelay?: (error: unknown) => void; unlessFull?: boolean } = {},
): Promise<T> {
  for (let tries = 0; ; tries++) {
    try {
      return await call();
    } catch (error) {
      const isFinal = unlessFull && error instanceof LogFull;
      if (!(error instanceof LogUnavailable) || isFinal || signal.aborted) throw error;
      if (tries === 0) onDelay(error);
      await pause(Math.min(MAX_RETRY_PAUSE_MS, 100 * 2 ** tries), undefined, { signal }).catch(() => {});
      if (signal.aborted) throw error;
    }
  }
}
