/** Takes an action's progress calls and passes on few enough of them. */
export interface ProgressReporter {
  report(percent: number, message?: string): void;
  /** Passes nothing on any more. Resolves when what is under way has been written. */
  stop(): Promise<void>;
}

type Progress = { percent: number; message?: string };

/**
 * Writes at most one progress at a time and waits `intervalMs` between two. What comes in between replaces what was
 * waiting, so the newest always gets through while the action runs.
 */
export function createProgressReporter(
  intervalMs: number,
  write: (progress: Progress) => Promise<void>,
): ProgressReporter {
  let waiting: Progress | undefined;
  let working: Promise<void> | undefined;
  const stopped = Promise.withResolvers<void>();
  let isStopped = false;

  async function drain(): Promise<void> {
    while (waiting && !isStopped) {
      const progress = waiting;
      waiting = undefined;
      await write(progress);
      await Promise.race([new Promise((resolve) => setTimeout(resolve, intervalMs)), stopped.promise]);
    }
    working = undefined;
  }

  return {
    report(percent, message) {
      const bounded = Math.min(100, Math.max(0, Number.isFinite(percent) ? percent : 0));
      waiting = { percent: bounded, ...(message === undefined ? {} : { message: message.slice(0, 500) }) };
      working ??= drain();
    },
    async stop() {
      isStopped = true;
      stopped.resolve();
      await working;
    },
  };
}
