/*
 * Whether an endpoint is called at all. Opening is cheap, since the first probe comes 5 s later; what costs is an
 * endpoint that is down for days with a million deliveries waiting.
 *
 *   state       sends                        success                              failure
 *   closed      as many as the queue may      the count starts anew                the 5th in a row, of 3 deliveries
 *                                                                                 or more: open
 *   open        one probe when its time      half open, 1 at once                 of the probe: the next one waits
 *               has come                                                          twice as long
 *   half open   1 at once, then 2, then 4    a full window of them doubles it;    open, and the next probe waits twice
 *                                            beyond 4: closed                     as long as the last one
 *
 * Probes wait 5 s, 10 s, 20 s … 15 min, ±20 %. An endpoint that asks not to be called (Retry-After) is held: its
 * breaker opens at once until the time that it named; that alone does not lengthen the waits. Whoever mends an endpoint
 * does not wait for its time: `lifted` lets a probe through at once.
 */

export type Breaker =
  | { readonly kind: 'closed'; readonly failures: number; readonly failedIds: readonly string[] }
  | { readonly kind: 'open'; readonly step: number; readonly nextProbeMs: number }
  | { readonly kind: 'half_open'; readonly step: number; readonly limit: number; readonly successes: number };

const FAILURES_TO_OPEN = 5;
const DELIVERIES_TO_OPEN = 3;
const FIRST_PROBE_MS = 5_000;
const MAX_PROBE_MS = 900_000;
const PROBE_JITTER = 0.2;
/** As many at once as a closed breaker begins with. */
const HALF_OPEN_MAX = 4;

export const CLOSED: Breaker = { kind: 'closed', failures: 0, failedIds: [] };

export interface Failure {
  readonly eventId: string;
  /** It was the probe of an open breaker. */
  readonly probe: boolean;
  readonly nowMs: number;
  /** The endpoint asked not to be called before this time. */
  readonly heldUntilMs: number | null;
  /** In [0, 1). */
  readonly random: number;
}

export function afterSuccess(breaker: Breaker): Breaker {
  switch (breaker.kind) {
    case 'closed':
      return breaker.failures === 0 ? breaker : CLOSED;
    case 'open':
      return { kind: 'half_open', step: breaker.step, limit: 1, successes: 0 };
    case 'half_open': {
      const successes = breaker.successes + 1;
      if (successes < breaker.limit) return { ...breaker, successes };
      if (breaker.limit >= HALF_OPEN_MAX) return CLOSED;
      return { ...breaker, limit: breaker.limit * 2, successes: 0 };
    }
  }
}

export function afterFailure(breaker: Breaker, failure: Failure): Breaker {
  const { heldUntilMs } = failure;
  switch (breaker.kind) {
    case 'closed': {
      if (heldUntilMs !== null) return { kind: 'open', step: 0, nextProbeMs: heldUntilMs };
      const failures = breaker.failures + 1;
      const known = breaker.failedIds;
      const failedIds =
        known.length >= DELIVERIES_TO_OPEN || known.includes(failure.eventId)
          ? known
          : [...known, failure.eventId];
      return failures >= FAILURES_TO_OPEN && failedIds.length >= DELIVERIES_TO_OPEN
        ? opened(0, failure)
        : { kind: 'closed', failures, failedIds };
    }
    case 'open':
      if (failure.probe) return opened(breaker.step + 1, failure);
      // It began before the breaker opened and says nothing new, but what it asks for holds.
      return { ...breaker, nextProbeMs: Math.max(breaker.nextProbeMs, heldUntilMs ?? 0) };
    case 'half_open':
      return heldUntilMs === null
        ? opened(breaker.step + 1, failure)
        : { kind: 'open', step: breaker.step, nextProbeMs: heldUntilMs };
  }
}

/** A breaker that is open may probe at once, and its waits begin anew. */
export function lifted(breaker: Breaker): Breaker {
  return breaker.kind === 'open' ? { kind: 'open', step: 0, nextProbeMs: 0 } : breaker;
}

/** How many attempts the breaker lets be under way at once, where the queue itself allows `limit`. */
export function breakerLimit(breaker: Breaker, limit: number, nowMs: number): number {
  switch (breaker.kind) {
    case 'closed':
      return limit;
    case 'open':
      return nowMs >= breaker.nextProbeMs ? 1 : 0;
    case 'half_open':
      return Math.min(limit, breaker.limit);
  }
}

function opened(step: number, { nowMs, heldUntilMs, random }: Failure): Breaker {
  const waitMs = Math.min(MAX_PROBE_MS, FIRST_PROBE_MS * 2 ** step);
  const jitteredMs = Math.round(waitMs * (1 + PROBE_JITTER * (2 * random - 1)));
  return { kind: 'open', step, nextProbeMs: Math.max(nowMs + jitteredMs, heldUntilMs ?? 0) };
}
