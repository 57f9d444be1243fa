/** Takes an action's progress calls, whatever they say, and passes on few enough of them. */
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
      waiting = plainProgress(percent, message);
      working ??= drain();
    },
    async stop() {
      isStopped = true;
      stopped.resolve();
      await working;
    },
  };
}

/** Progress as an event can hold it. A message that is neither text nor a number is none. */
function plainProgress(percent: unknown, message: unknown): Progress {
  const isNumber = typeof percent === 'number' && Number.isFinite(percent);
  const bounded = isNumber ? Math.min(100, Math.max(0, percent)) : 0;
  if (typeof message !== 'string' && typeof message !== 'number') return { percent: bounded };
  return { percent: bounded, message: String(message).slice(0, 500).toWellFormed() };
}
