import type { WebhookEndpoint } from '@errand/contracts';
import { type EndpointHealth, receiverOf } from '@errand/postgres';
import { type Breaker, CLOSED, lifted } from '../pacing/breaker.ts';

/*
 * How an endpoint is doing, over restarts.
 *
 *   state      becomes     when
 *   active     failing     an attempt fails
 *   failing    active      an attempt succeeds
 *   failing    disabled    5 days without a success and 10 attempts at least: `failing`
 *                          or a second 410 in a row, 60 s or more after the first: `gone`
 *   disabled   active      its record is changed
 *   any        active      its URL is changed: another receiver, of which nothing is known
 *
 * A disabled endpoint gets no new deliveries, and those that it has wait until they expire; replay brings both back.
 */

const DISABLE_AFTER_MS = 5 * 86_400_000;
const DISABLE_AFTER_ATTEMPTS = 10;
export const GONE_HOLD_MS = 60_000;
/** The operator is warned when an endpoint has been failing for this long. */
const WARN_AFTER_MS = [3_600_000, 2.5 * 86_400_000, 4 * 86_400_000];

export interface EndpointState {
  readonly state: EndpointHealth;
  readonly failingSinceMs: number | null;
  readonly failedAttempts: number;
  readonly lastSuccessMs: number | null;
  readonly lastFailureMs: number | null;
  readonly goneMs: number | null;
  readonly disabledMs: number | null;
  readonly disabledReason: 'gone' | 'failing' | null;
  /** `updated_at` of the record that was disabled, Unix milliseconds. */
  readonly disabledRecordMs: number | null;
  readonly breaker: Breaker;
  /** `receiverOf` the URL that all this is about, and `updated_at` of its record; null before they are known. */
  readonly receiver: string | null;
  readonly recordMs: number | null;
}

export const NEW_ENDPOINT: EndpointState = {
  state: 'active',
  failingSinceMs: null,
  failedAttempts: 0,
  lastSuccessMs: null,
  lastFailureMs: null,
  goneMs: null,
  disabledMs: null,
  disabledReason: null,
  disabledRecordMs: null,
  breaker: CLOSED,
  receiver: null,
  recordMs: null,
};

export interface Observed {
  readonly ok: boolean;
  /** It answered 410. */
  readonly gone: boolean;
  readonly nowMs: number;
  /** `updated_at` of the record that was called; null if there is none that could be disabled. */
  readonly recordMs: number | null;
  /** The queue's breaker after this. */
  readonly breaker: Breaker;
}

/**
 * What is known of an endpoint whose record is this one: nothing of another URL, and that it may be mended if anything
 * else was changed. The same object if the record is the one that it was.
 */
export function stateUnder(
  state: EndpointState,
  record: Pick<WebhookEndpoint, 'url' | 'updated_at'> | undefined,
): EndpointState {
  if (!record) return state;
  const receiver = receiverOf(record.url);
  const recordMs = Date.parse(record.updated_at);
  if (state.receiver === receiver && state.recordMs === recordMs) return state;
  if (state.receiver !== null && state.receiver !== receiver) return { ...NEW_ENDPOINT, receiver, recordMs };
  const isChanged = state.recordMs !== null && state.recordMs !== recordMs;
  return { ...state, receiver, recordMs, breaker: isChanged ? lifted(state.breaker) : state.breaker };
}

/** What one attempt makes of an endpoint. */
export function afterAttempt(state: EndpointState, observed: Observed): EndpointState {
  const { ok, gone, nowMs, recordMs, breaker } = observed;
  if (isDisabled(state, recordMs)) return { ...state, breaker };
  const anew = { ...NEW_ENDPOINT, receiver: state.receiver, recordMs: state.recordMs };
  if (ok) return { ...anew, lastSuccessMs: nowMs, lastFailureMs: state.lastFailureMs, breaker };
  // What was disabled and has been changed since begins anew.
  const before = state.state === 'disabled' ? { ...anew, lastSuccessMs: state.lastSuccessMs } : state;
  const failing: EndpointState = {
    ...before,
    state: 'failing',
    failingSinceMs: before.failingSinceMs ?? nowMs,
    failedAttempts: before.failedAttempts + 1,
    lastFailureMs: nowMs,
    goneMs: gone ? (before.goneMs ?? nowMs) : null,
    breaker,
  };
  const reason = recordMs === null ? undefined : reasonToDisable(failing, nowMs);
  if (!reason) return failing;
  return {
    ...failing,
    state: 'disabled',
    disabledMs: nowMs,
    disabledReason: reason,
    disabledRecordMs: recordMs,
  };
}

function reasonToDisable(state: EndpointState, nowMs: number): 'gone' | 'failing' | undefined {
  if (state.goneMs !== null && nowMs - state.goneMs >= GONE_HOLD_MS) return 'gone';
  const failingMs = nowMs - (state.failingSinceMs ?? nowMs);
  return failingMs >= DISABLE_AFTER_MS && state.failedAttempts >= DISABLE_AFTER_ATTEMPTS
    ? 'failing'
    : undefined;
}

/** Whether nothing may be sent to a record. */
export function isDisabled(state: EndpointState | undefined, recordMs: number | null): boolean {
  return state?.state === 'disabled' && state.disabledRecordMs === recordMs;
}

/** What people should hear of, each once: that an endpoint was disabled, works again, or has been failing for long. */
export function newsBetween(
  before: EndpointState,
  after: EndpointState,
): 'disabled' | 'recovered' | 'failing' | undefined {
  if (after.state === 'disabled') return before.state === 'disabled' ? undefined : 'disabled';
  if (after.state === 'active') {
    if (before.state === 'disabled') return 'recovered';
    return (before.lastFailureMs ?? 0) - (before.failingSinceMs ?? Number.POSITIVE_INFINITY) >=
      (WARN_AFTER_MS[0] ?? 0)
      ? 'recovered'
      : undefined;
  }
  const since = after.failingSinceMs ?? 0;
  const warned = (state: EndpointState) =>
    state.failingSinceMs === since
      ? WARN_AFTER_MS.filter((afterMs) => (state.lastFailureMs ?? 0) - since >= afterMs).length
      : 0;
  return warned(after) > warned(before) ? 'failing' : undefined;
}
