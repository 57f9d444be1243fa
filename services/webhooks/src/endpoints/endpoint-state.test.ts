import { expect, test } from 'vitest';
import { CLOSED } from '../pacing/breaker.ts';
import {
  afterAttempt,
  type EndpointState,
  isDisabled,
  NEW_ENDPOINT,
  newsBetween,
  type Observed,
  stateUnder,
} from './endpoint-state.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const RECORD_MS = 7;

const attempt = (state: EndpointState, nowMs: number, over: Partial<Observed> = {}) =>
  afterAttempt(state, { ok: false, gone: false, nowMs, recordMs: RECORD_MS, breaker: CLOSED, ...over });
const failTimes = (timesMs: number[]) =>
  timesMs.reduce((state, nowMs) => attempt(state, nowMs), NEW_ENDPOINT);

test('an endpoint is failing from its first failure until its next success', () => {
  const failing = failTimes([1_000, 2_000]);
  expect(failing).toMatchObject({
    state: 'failing',
    failingSinceMs: 1_000,
    failedAttempts: 2,
    lastFailureMs: 2_000,
  });
  expect(attempt(failing, 3_000, { ok: true })).toEqual({
    ...NEW_ENDPOINT,
    lastSuccessMs: 3_000,
    lastFailureMs: 2_000,
  });
});

test('five days without a success disable it, after ten attempts and not before', () => {
  const nine = failTimes([...Array(8).keys()].concat(6 * DAY_MS));
  expect(nine.state).toBe('failing');
  expect(attempt(nine, 6 * DAY_MS + 1)).toMatchObject({ state: 'disabled', disabledReason: 'failing' });
  const often = failTimes(Array.from({ length: 1_000 }, (_, index) => index));
  expect(attempt(often, 5 * DAY_MS - 1).state).toBe('failing');
  expect(attempt(often, 5 * DAY_MS).state).toBe('disabled');
});

test('a second 410 in a row disables it if it comes 60 s after the first', () => {
  const gone = { gone: true };
  const first = attempt(NEW_ENDPOINT, 0, gone);
  expect(attempt(first, 59_999, gone).state).toBe('failing');
  expect(attempt(first, 60_000, gone)).toMatchObject({ state: 'disabled', disabledReason: 'gone' });
  expect(attempt(attempt(first, 30_000), 60_000, gone).state).toBe('failing');
  expect(attempt(attempt(first, 30_000, { ok: true }), 60_000, gone).state).toBe('failing');
});

test('a change of the record after the disabling takes it back', () => {
  const disabled = attempt(attempt(NEW_ENDPOINT, 0, { gone: true }), 60_000, { gone: true });
  expect(isDisabled(disabled, RECORD_MS)).toBe(true);
  expect(isDisabled(disabled, RECORD_MS + 1)).toBe(false);
  const changed = { recordMs: RECORD_MS + 1 };
  expect(attempt(disabled, 70_000, { ...changed, gone: true })).toMatchObject({
    state: 'failing',
    failingSinceMs: 70_000,
    failedAttempts: 1,
    disabledReason: null,
  });
  // An attempt at the old record that was still under way.
  expect(attempt(disabled, 70_000, { ok: true }).state).toBe('disabled');
});

test('what has no record of its own is never disabled', () => {
  const about = { recordMs: null };
  let state = NEW_ENDPOINT;
  for (let hours = 0; hours <= 240; hours++) state = attempt(state, hours * HOUR_MS, about);
  expect(state).toMatchObject({ state: 'failing', failedAttempts: 241, disabledMs: null });
});

test('there is news after an hour, two and a half days and four days, at the disabling and at the recovery', () => {
  let state = NEW_ENDPOINT;
  const news: [number, string][] = [];
  for (let hours = 0; hours <= 120; hours += 0.5) {
    const next = attempt(state, hours * HOUR_MS);
    const said = newsBetween(state, next);
    if (said) news.push([hours, said]);
    state = next;
  }
  expect(news).toEqual([
    [1, 'failing'],
    [60, 'failing'],
    [96, 'failing'],
    [120, 'disabled'],
  ]);
  const failing = failTimes([0, 2 * HOUR_MS]);
  expect(newsBetween(failing, attempt(failing, 3 * HOUR_MS, { ok: true }))).toBe('recovered');
  const gone = { gone: true };
  const disabled = attempt(attempt(NEW_ENDPOINT, 0, gone), 61_000, gone);
  expect(disabled.state).toBe('disabled');
  expect(newsBetween(disabled, { ...NEW_ENDPOINT, lastSuccessMs: 1 })).toBe('recovered');
  const blip = failTimes([0, 1_000]);
  expect(newsBetween(blip, attempt(blip, 2_000, { ok: true }))).toBeUndefined();
});

test('nothing is known of another URL, and any other change lets an open breaker probe at once', () => {
  const record = { url: 'https://example.com/a', updated_at: '2026-01-01T00:00:00.000Z' };
  const open = { kind: 'open', step: 9, nextProbeMs: 1e15 } as const;
  // Stored before receivers were written down: nothing is known to have changed.
  const state = stateUnder(attempt(failTimes([1_000]), 2_000, { gone: true, breaker: open }), record);
  expect(state).toMatchObject({ goneMs: 2_000, failedAttempts: 2, breaker: open });
  expect(stateUnder(state, record)).toBe(state);
  expect(stateUnder(state, undefined)).toBe(state);
  const resumed = stateUnder(state, { ...record, updated_at: '2026-01-01T00:00:00.001Z' });
  expect(resumed).toMatchObject({ goneMs: 2_000, failedAttempts: 2, breaker: { step: 0, nextProbeMs: 0 } });
  const { receiver, recordMs } = stateUnder(NEW_ENDPOINT, { ...record, url: 'https://example.com/b' });
  expect(stateUnder(state, { ...record, url: 'https://example.com/b' })).toEqual({
    ...NEW_ENDPOINT,
    receiver,
    recordMs,
  });
});
