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
 *   concurrency   1 until the first attempt is over, then 4. One more after each run of as many successes as the limit
 *                 then was, up to the endpoint's own limit. Halved, to no less than 1, by a timeout, a 429 or a 5xx, at
 *                 most once for what was under way together
 *   rate          a token bucket of one second's worth, where the endpoint has a `max_rps`
 *   breaker       see breaker.ts
 *   slow          a timeout among the last 8 attempts, more than half of them over 2 s, or one under way for more than
 *                 2 s; slow queues share a part of all slots
 */

const INITIAL_CONCURRENCY = 4;
const REMEMBERED_ATTEMPTS = 8;
const SLOW_MS = 2_000;

/** What an endpoint's record says; defaults for the webhooks of jobs. */
export interface QueueLimits {
  readonly maxConcurrency: number;
  /** Attempts begun in a second; null for no limit. */
  readonly maxRps: number | null;
}

export interface QueueState {
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
  readonly heldUntilMs: number | null;
}

export function createQueueState(nowMs: number, breaker: Breaker = CLOSED): QueueState {
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
export function roomOf(queue: QueueState, limits: QueueLimits, nowMs: number): number {
  const limit = queue.recent.length === 0 ? 1 : Math.min(queue.concurrency, limits.maxConcurrency);
  const allowed = breakerLimit(queue.breaker, limit, nowMs);
  return Math.max(0, Math.min(allowed - queue.underWay.size, Math.floor(tokensOf(queue, limits, nowMs))));
}

/** When time alone may make room; infinite where only the end of an attempt can. */
export function roomAtMs(queue: QueueState, limits: QueueLimits, nowMs: number): number {
  if (queue.breaker.kind === 'open' && queue.breaker.nextProbeMs > nowMs) return queue.breaker.nextProbeMs;
  const missing = 1 - tokensOf(queue, limits, nowMs);
  if (limits.maxRps === null || missing <= 0) return Number.POSITIVE_INFINITY;
  return nowMs + Math.ceil((missing / limits.maxRps) * 1_000);
}

/** Takes note of an attempt that begins. */
export function beginAttempt(
  queue: QueueState,
  limits: QueueLimits,
  { eventId, nowMs }: { eventId: string; nowMs: number },
): { probe: boolean } {
  const probe = queue.breaker.kind === 'open';
  queue.tokens = tokensOf(queue, limits, nowMs) - 1;
  queue.tokensAtMs = nowMs;
  queue.underWay.set(eventId, { startedMs: nowMs, probe });
  return { probe };
}

/** Takes note of how an attempt went. */
export function endAttempt(queue: QueueState, limits: QueueLimits, ended: Ended): void {
  const { eventId, nowMs, ok } = ended;
  const attempt = queue.underWay.get(eventId);
  if (!attempt) return;
  queue.underWay.delete(eventId);
  queue.recent.push({ durationMs: nowMs - attempt.startedMs, timedOut: ended.timedOut });
  if (queue.recent.length > REMEMBERED_ATTEMPTS) queue.recent.shift();
  if (ok) {
    queue.breaker = breakerAfterSuccess(queue.breaker);
    if (++queue.successes >= queue.concurrency) {
      queue.concurrency = Math.min(limits.maxConcurrency, queue.concurrency + 1);
      queue.successes = 0;
    }
    return;
  }
  queue.breaker = breakerAfterFailure(queue.breaker, { ...ended, probe: attempt.probe });
  if (!(ended.overloaded || ended.timedOut) || attempt.startedMs < queue.cutMs) return;
  queue.concurrency = Math.max(1, Math.floor(queue.concurrency / 2));
  queue.successes = 0;
  queue.cutMs = nowMs;
}

/** Takes back an attempt that was cut off or could not be stored: it says nothing about the endpoint. */
export function abandonAttempt(queue: QueueState, eventId: string): void {
  queue.underWay.delete(eventId);
}

export function isSlow(queue: QueueState, nowMs: number): boolean {
  if (queue.recent.some(({ timedOut }) => timedOut)) return true;
  const over = queue.recent.filter(({ durationMs }) => durationMs > SLOW_MS).length;
  if (over * 2 > queue.recent.length) return true;
  // In order of their beginning.
  const [oldest] = queue.underWay.values();
  return oldest !== undefined && nowMs - oldest.startedMs > SLOW_MS;
}

function tokensOf(queue: QueueState, { maxRps }: QueueLimits, nowMs: number): number {
  if (maxRps === null) return Number.POSITIVE_INFINITY;
  const earned = (Math.max(0, nowMs - queue.tokensAtMs) / 1_000) * maxRps;
  return Math.min(Math.max(1, maxRps), queue.tokens + earned);
}
