export type Say = (line: string) => void;

const SLOW_MS = 700;

/** Awaits the work, and prints `slowLine` when it takes a while, so that nobody thinks it is stuck. */
export async function sayingIfSlow<T>(say: Say, slowLine: string, work: Promise<T>): Promise<T> {
  const timer = setTimeout(() => say(slowLine), SLOW_MS);
  try {
    return await work;
  } finally {
    clearTimeout(timer);
  }
}

/** The time since `startMs` on the clock of performance.now(), such as `40 ms` or `1.4 s`. */
export function timeSince(startMs: number): string {
  const elapsedMs = performance.now() - startMs;
  return elapsedMs < 1000 ? `${elapsedMs.toFixed(0)} ms` : `${(elapsedMs / 1000).toFixed(1)} s`;
}
