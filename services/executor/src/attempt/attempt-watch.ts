import type { Bus } from '@errand/bus';
import { storedOfAction } from '@errand/contracts';
import type { JobWriter } from './job-writer.ts';

/** Why an attempt under way is stopped: nobody wants it, it is run elsewhere or over, or this process stops. */
type StopReason = 'canceled' | 'superseded' | 'given_up';

const LOOK_AGAIN_MS = 1_000;
/** What others may store of a job that is at work here, besides taking it over. */
const STOPPING = ['JobCancelRequested', 'JobCanceled', 'JobExpired'] as const;

export interface AttemptWatch {
  /** Fires with a StopReason as its reason. */
  readonly signal: AbortSignal;
  /** Fires the signal, for a reason that was learned elsewhere. */
  stop(reason: StopReason): void;
  /** Says that the attempt of this number has begun: from here on it can become useless. */
  begin(attempt: number): void;
  /** Reads the job again if somebody else may have written to it: up to this version, or an unknown one. */
  look(version?: number): void;
  /** Stops watching. */
  close(): void;
}

/**
 * Fires when what others have written of a job makes its attempt here useless: somebody asked to cancel the job, another
 * executor has begun an attempt, or the job has ended. Made before the attempt is begun, so that nothing is missed in
 * between.
 */
export function watchAttempt({
  writer,
  onError,
}: {
  writer: JobWriter;
  onError: (error: unknown) => void;
}): AttemptWatch {
  const controller = new AbortController();
  let attempt: number | undefined;
  let newestTold = 0;
  let again: NodeJS.Timeout | undefined;

  async function look(version = Number.POSITIVE_INFINITY): Promise<void> {
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

  return {
    signal: controller.signal,
    begin(number) {
      attempt = number;
      void look(newestTold);
    },
    look: (version) => void look(version),
    stop: (reason) => controller.abort(reason),
    close() {
      clearTimeout(again);
      attempt = undefined;
    },
  };
}

/**
 * Tells the attempts of an action that are at work here what the log has stored of their jobs: at once, and after a lost
 * connection as soon as that is back. Whoever takes a job over tells its executor directly. Returns the way to stop.
 */
export function watchAction(
  action: string,
  { bus, atWork }: { bus: Bus; atWork: ReadonlyMap<string, AttemptWatch | undefined> },
): () => void {
  const stops = STOPPING.map((type) =>
    bus.jobs.onStored(storedOfAction(action, type), {
      onEvent: ({ ref, version }) => atWork.get(ref.jobId)?.look(version),
      onGap() {
        for (const watch of atWork.values()) watch?.look();
      },
    }),
  );
  return () => {
    for (const stop of stops) stop();
  };
}
