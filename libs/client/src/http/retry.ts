import { ErrandError } from '../errors.ts';
import { sleep } from './deadline.ts';

/** How often and for how long a call is retried that failed in a way that may pass. */
export interface RetryPolicy {
  /**
   * Attempts at one call, including the first. Default 5; 1 disables retries. Waits and streams are not limited by it.
   */
  readonly maxAttempts: number;
  /**
   * No attempt begins later than this after the first one began; for a wait or a stream, which outlast a restart of the
   * servers, after the first failure since its last progress. Default 60,000.
   */
  readonly maxTimeMs: number;
  /** Longest pause before the second attempt; it doubles each time. Default 250. */
  readonly baseDelayMs: number;
  /** Longest pause, unless the server asks for a longer one. Default 8,000. */
  readonly maxDelayMs: number;
}

/** The parts of a policy that differ from the default. */
export type RetryOptions = { readonly [K in keyof RetryPolicy]?: RetryPolicy[K] | undefined };

export const DEFAULT_RETRY: RetryPolicy = {
  maxAttempts: 5,
  maxTimeMs: 60_000,
  baseDelayMs: 250,
  maxDelayMs: 8_000,
};

/** What is left out, or undefined, is the default. */
export function retryPolicyOf(given: RetryOptions = {}): RetryPolicy {
  const said = Object.entries(given).filter(([, value]) => value !== undefined);
  return { ...DEFAULT_RETRY, ...Object.fromEntries(said) };
}

/** Counts the attempts at one thing. */
export interface Retries {
  /** Sleeps until the next attempt is due. @throws the error if it is permanent, or no attempt is left */
  next(error: unknown, signal?: AbortSignal): Promise<void>;
  /** There was progress: counting starts anew. */
  reset(): void;
}

/** For what outlasts outages: only the time limit counts, from the first failure on. */
export function timeRetries(policy: RetryPolicy): Retries {
  return retriesOf({ ...policy, maxAttempts: Number.POSITIVE_INFINITY });
}

export function countRetries(policy: RetryPolicy): Retries {
  return retriesOf(policy, performance.now());
}

function retriesOf(policy: RetryPolicy, beganMs?: number): Retries {
  let failures = 0;
  let sinceMs = beganMs;
  return {
    async next(error, signal) {
      if (!(error instanceof ErrandError) || !error.retryable) throw error;
      failures += 1;
      sinceMs ??= performance.now();
      const delayMs = delayAfter(failures, error.retryAfterMs, policy);
      const isLate = performance.now() - sinceMs + delayMs > policy.maxTimeMs;
      if (failures >= policy.maxAttempts || isLate) throw error;
      await sleep(delayMs, signal);
    },
    reset() {
      failures = 0;
      sinceMs = undefined;
    },
  };
}

/**
 * Half of the pause is random, so that callers who failed together do not come back together. A server that names a
 * time gets at least that.
 */
function delayAfter(failures: number, retryAfterMs: number | undefined, policy: RetryPolicy): number {
  const longest = Math.min(policy.maxDelayMs, policy.baseDelayMs * 2 ** (failures - 1));
  const jittered = longest * (0.5 + Math.random() / 2);
  return retryAfterMs === undefined ? jittered : retryAfterMs + jittered;
}

/** Milliseconds from a Retry-After header: seconds, or a date (RFC 9110, 10.2.3). Undefined for anything else. */
export function readRetryAfter(header: string | null, nowMs: number): number | undefined {
  const text = header?.trim() ?? '';
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1_000;
  const atMs = /^[A-Z]/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(atMs) ? undefined : Math.max(0, atMs - nowMs);
}
