import type { Bus } from '@errand/bus';
import { type JobRef, jobSubjects, storedSubject } from '@errand/contracts';
import type { JobWriter } from './job-writer.ts';

/** Why an attempt under way is of no use any more. */
type StopReason = 'canceled' | 'superseded';

const LOOK_AGAIN_MS = 1_000;

export interface AttemptWatch {
  /** Fires with a StopReason as its reason. */
  readonly signal: AbortSignal;
  /** Fires the signal, for a reason that was learned elsewhere. */
  stop(reason: StopReason): void;
  /** Says that the attempt of this number has begun: from here on it can become useless. */
  begin(attempt: number): void;
  /** Reads the job again: somebody says that it has been taken over. */
  lookAgain(): void;
  /** The server's clock, as far as the log has told of the job while it is watched. */
  serverNowMs(): number | undefined;
  /** Stops watching. */
  close(): void;
}

/**
 * Watches what others write of a job while one of its attempts runs here, and fires when that makes the attempt
 * useless: somebody asked to cancel the job, another executor has begun an attempt, or the job has ended. It learns of
 * it as soon as the log has stored it, and after a lost connection as soon as that is back. Made before the attempt is
 * begun, so that nothing is missed in between.
 */
export function watchAttempt(options: {
  bus: Bus;
  ref: JobRef;
  writer: JobWriter;
  onError: (error: unknown) => void;
}): AttemptWatch {
  const { bus, ref, writer, onError } = options;
  const controller = new AbortController();
  let attempt: number | undefined;
  let newestTold = 0;
  let again: NodeJS.Timeout | undefined;
  let heard: { storedAtMs: number; heardAt: number } | undefined;

  async function look(version: number): Promise<void> {
    newestTold = Math.max(newestTold, version);
    if (attempt === undefined || controller.signal.aborted) return;
    if (version <= (writer.state()?.version ?? 0)) return;
    try {
      await writer.catchUp(version);
    } catch (error) {
      onError(error);
      clearTimeout(again);
      again = setTimeout(() => void look(version), LOOK_AGAIN_MS);
      return;
    }
    const state = writer.state();
    const isMine = state?.phase.value.status === 'running' && state.attempt.value.number === attempt;
    if (!isMine) controller.abort('superseded');
    else if (state.cancelRequested.value !== null) controller.abort('canceled');
  }

  const unsubscribe = bus.jobs.onStored(storedSubject(jobSubjects(ref)), {
    onEvent({ version, storedAtMs }) {
      if (storedAtMs !== undefined) heard = { storedAtMs, heardAt: performance.now() };
      void look(version);
    },
    // Whatever was stored meanwhile has a version that is not known yet.
    onGap: () => void look(Number.POSITIVE_INFINITY),
  });
  return {
    signal: controller.signal,
    begin(number) {
      attempt = number;
      void look(newestTold);
    },
    lookAgain: () => void look(Number.POSITIVE_INFINITY),
    serverNowMs: () => heard && heard.storedAtMs + (performance.now() - heard.heardAt),
    stop: (reason) => controller.abort(reason),
    close() {
      clearTimeout(again);
      attempt = undefined;
      unsubscribe();
    },
  };
}
