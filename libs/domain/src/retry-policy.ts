/** How an action's attempts are spaced. */
export interface RetryPolicy {
  /** Attempts in all, including the first. One that a stopping executor hands over is not used up. */
  readonly maxAttempts: number;
  /** Wait before the second attempt, in milliseconds; each later wait is twice the one before. */
  readonly firstDelayMs: number;
  /** Longest wait, in milliseconds. */
  readonly maxDelayMs: number;
}

/**
 * How long to wait after a failed attempt, in whole milliseconds, or undefined when it was the last one. The wait is
 * drawn between half of the exponential delay and all of it, so that jobs which failed together do not come back
 * together. `random` is in [0, 1).
 */
export function retryDelayMs(policy: RetryPolicy, attempt: number, random: number): number | undefined {
  if (attempt >= policy.maxAttempts) return undefined;
  const delay = Math.min(policy.maxDelayMs, policy.firstDelayMs * 2 ** (attempt - 1));
  return Math.round(delay * (0.5 + random / 2));
}
