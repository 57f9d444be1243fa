import {
  type Breaker,
  afterFailure as breakerAfterFailure,
  afterSuccess as breakerAfterSuccess,
  breakerLimit,
  CLOSED,
} from './breaker.ts';

/*
 * One endpoint's way out: how many attempts it may have under way, and when it may have more. Time and chance come in
 * as arguments.
 *
 *   concurrency   1 until the first attempt is over, then 4; one more after as many successes as it allows, up to the endpoint's own limit; halved,
 *                 to no less than 1, by a timeout, a 429 or a 5xx, at most once for what was under way together
 *   rate          a token bucket of one second's worth, where the endpoint has a `max_rps`
 *   breaker       see breaker.ts
 *   slow          a timeout among the last 8 attempts, more than half of them over 2 s, or one under way for more than
 *                 2 s; slow lanes share a part of all slots
 */

const INITIAL_CONCURRENCY = 4;
const REMEMBERED_ATTEMPTS = 8;
const SLOW_MS = 2_000;

/** What an endpoint's record says. */
export interface LaneLimits {
  readonly maxConcurrency: number;
  /** Attempts begun in a second; null for no limit. */
  readonly maxRps: number | null;
}

export interface LaneState {
  breaker: Breaker;
  /** Attempts that may be under way at once while the breaker is closed. */
  concurrency: number;
  successes: number;
  /** Attempts that began before this time have been paid for by the last halving. */
  cutMs: number;
  tokens: number;
  tokensAtMs: number;
  /** The last attempts, newest last. */
  recent: { durationMs: number; timedOut: boolean }[];
  /** Event id → attempt under way. */
  readonly underWay: Map<string, { startedMs: number; probe: boolean }>;
}

export interface Ended {
  readonly eventId: string;
  readonly nowMs: number;
  readonly random: number;
  readonly ok: boolean;
  readonly timedOut: boolean;
  /** It failed in a way that less load might mend. */
  readonly overloaded: boolean;
  readonly holdUntilMs: number | null;
}

export function createLaneState(nowMs: number, breaker: Breaker = CLOSED): LaneState {
  return {
    breaker,
    concurrency: INITIAL_CONCURRENCY,
    successes: 0,
    cutMs: 0,
    tokens: Number.POSITIVE_INFINITY,
    tokensAtMs: nowMs,
    recent: [],
    underWay: new Map(),
  };
}

/** How many attempts may begin now. */
export function roomOf(lane: LaneState, limits: LaneLimits, nowMs: number): number {
  const limit = lane.recent.length === 0 ? 1 : Math.min(lane.concurrency, limits.maxConcurrency);
  const allowed = breakerLimit(lane.breaker, limit, nowMs);
  return Math.max(0, Math.min(allowed - lane.underWay.size, Math.floor(tokensOf(lane, limits, nowMs))));
}

/** When time alone may make room; infinite where only the end of an attempt can. */
export function roomAtMs(lane: LaneState, limits: LaneLimits, nowMs: number): number {
  if (lane.breaker.kind === 'open' && lane.breaker.nextProbeMs > nowMs) return lane.breaker.nextProbeMs;
  const missing = 1 - tokensOf(lane, limits, nowMs);
  if (limits.maxRps === null || missing <= 0) return Number.POSITIVE_INFINITY;
  return nowMs + Math.ceil((missing / limits.maxRps) * 1_000);
}

/** Takes note of an attempt that begins. */
export function beginAttempt(
  lane: LaneState,
  limits: LaneLimits,
  { eventId, nowMs }: { eventId: string; nowMs: number },
): { probe: boolean } {
  const probe = lane.breaker.kind === 'open';
  lane.tokens = tokensOf(lane, limits, nowMs) - 1;
  lane.tokensAtMs = nowMs;
  lane.underWay.set(eventId, { startedMs: nowMs, probe });
  return { probe };
}

/** Takes note of how an attempt went. */
export function endAttempt(lane: LaneState, limits: LaneLimits, ended: Ended): void {
  const { eventId, nowMs, ok } = ended;
  const attempt = lane.underWay.get(eventId);
  if (!attempt) return;
  lane.underWay.delete(eventId);
  lane.recent.push({ durationMs: nowMs - attempt.startedMs, timedOut: ended.timedOut });
  if (lane.recent.length > REMEMBERED_ATTEMPTS) lane.recent.shift();
  if (ok) {
    lane.breaker = breakerAfterSuccess(lane.breaker);
    if (++lane.successes >= lane.concurrency) {
      lane.concurrency = Math.min(limits.maxConcurrency, lane.concurrency + 1);
      lane.successes = 0;
    }
    return;
  }
  lane.breaker = breakerAfterFailure(lane.breaker, { ...ended, probe: attempt.probe });
  if (!(ended.overloaded || ended.timedOut) || attempt.startedMs < lane.cutMs) return;
  lane.concurrency = Math.max(1, Math.floor(lane.concurrency / 2));
  lane.successes = 0;
  lane.cutMs = nowMs;
}

/** Takes back an attempt that was cut off or could not be stored: it says nothing about the endpoint. */
export function abandonAttempt(lane: LaneState, eventId: string): void {
  lane.underWay.delete(eventId);
}

export function isSlow(lane: LaneState, nowMs: number): boolean {
  if (lane.recent.some(({ timedOut }) => timedOut)) return true;
  const over = lane.recent.filter(({ durationMs }) => durationMs > SLOW_MS).length;
  if (over * 2 > lane.recent.length) return true;
  // In order of their beginning.
  const [oldest] = lane.underWay.values();
  return oldest !== undefined && nowMs - oldest.startedMs > SLOW_MS;
}

function tokensOf(lane: LaneState, { maxRps }: LaneLimits, nowMs: number): number {
  if (maxRps === null) return Number.POSITIVE_INFINITY;
  const earned = (Math.max(0, nowMs - lane.tokensAtMs) / 1_000) * maxRps;
  return Math.min(Math.max(1, maxRps), lane.tokens + earned);
}
