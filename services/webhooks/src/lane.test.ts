import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  beginAttempt,
  createLaneState,
  type Ended,
  endAttempt,
  isSlow,
  type LaneLimits,
  roomAtMs,
  roomOf,
} from './lane.ts';

const LIMITS: LaneLimits = { maxConcurrency: 16, maxRps: null };
const result = (eventId: string, over: Partial<Ended> = {}): Ended => ({
  eventId,
  nowMs: 0,
  random: 0.5,
  ok: true,
  timedOut: false,
  overloaded: false,
  holdUntilMs: null,
  ...over,
});

/** A lane that knows its endpoint from one good attempt. */
function provenLane() {
  const lane = createLaneState(0);
  beginAttempt(lane, LIMITS, { eventId: 'first', nowMs: 0 });
  endAttempt(lane, LIMITS, result('first'));
  lane.successes = 0;
  return lane;
}

function laneWith(underWay: number, limits = LIMITS) {
  const lane = provenLane();
  for (let index = 0; index < underWay; index++)
    beginAttempt(lane, limits, { eventId: `${index}`, nowMs: 0 });
  return lane;
}

test('of an endpoint that has never been called one attempt has to end first', () => {
  const lane = createLaneState(0);
  expect(roomOf(lane, LIMITS, 0)).toBe(1);
  beginAttempt(lane, LIMITS, { eventId: 'a', nowMs: 0 });
  expect(roomOf(lane, LIMITS, 0)).toBe(0);
});

test('then it has room for four, and for one more after as many successes as it has room for', () => {
  const lane = laneWith(0);
  expect(roomOf(lane, LIMITS, 0)).toBe(4);
  for (let index = 0; index < 4; index++) {
    beginAttempt(lane, LIMITS, { eventId: `${index}`, nowMs: 0 });
    endAttempt(lane, LIMITS, result(`${index}`));
  }
  expect(roomOf(lane, LIMITS, 0)).toBe(5);
});

test('an endpoint’s own limit holds from the beginning', () => {
  expect(roomOf(laneWith(1), { ...LIMITS, maxConcurrency: 2 }, 0)).toBe(1);
});

test('four timeouts of the same moment halve it once, a later one halves it again', () => {
  const lane = laneWith(4);
  for (let index = 0; index < 4; index++) {
    endAttempt(lane, LIMITS, result(`${index}`, { ok: false, timedOut: true, nowMs: 15_000 + index }));
  }
  expect(lane.concurrency).toBe(2);
  beginAttempt(lane, LIMITS, { eventId: 'x', nowMs: 20_000 });
  endAttempt(lane, LIMITS, result('x', { ok: false, overloaded: true, nowMs: 21_000 }));
  expect(lane.concurrency).toBe(1);
});

test('a refusal that has nothing to do with load does not slow it down', () => {
  const lane = laneWith(1);
  endAttempt(lane, LIMITS, result('0', { ok: false }));
  expect(lane.concurrency).toBe(4);
});

test('max_rps spreads attempts over time', () => {
  const limits = { maxConcurrency: 64, maxRps: 2 };
  const lane = provenLane();
  lane.concurrency = 64;
  const beganMs: number[] = [];
  for (let nowMs = 0; beganMs.length < 6; nowMs += 10) {
    while (roomOf(lane, limits, nowMs) > 0) {
      beganMs.push(nowMs);
      beginAttempt(lane, limits, { eventId: `${beganMs.length}`, nowMs });
    }
    expect(roomAtMs(lane, limits, nowMs)).toBeGreaterThan(nowMs);
  }
  expect(beganMs).toEqual([0, 0, 500, 1_000, 1_500, 2_000]);
});

test('a lane is slow after a timeout, and while an attempt hangs', () => {
  const lane = provenLane();
  expect(isSlow(lane, 50)).toBe(false);
  beginAttempt(lane, LIMITS, { eventId: 'a', nowMs: 100 });
  expect(isSlow(lane, 2_000)).toBe(false);
  expect(isSlow(lane, 2_101)).toBe(true);
  endAttempt(lane, LIMITS, result('a', { ok: false, timedOut: true, nowMs: 15_100 }));
  expect(isSlow(lane, 15_100)).toBe(true);
  for (let index = 0; index < 8; index++) {
    beginAttempt(lane, LIMITS, { eventId: `${index}`, nowMs: 16_000 });
    endAttempt(lane, LIMITS, result(`${index}`, { nowMs: 16_010 }));
  }
  expect(isSlow(lane, 16_010)).toBe(false);
});

test('more than half of the last attempts over 2 s make a lane slow', () => {
  const lane = createLaneState(0);
  for (const durationMs of [10, 3_000, 3_000]) {
    beginAttempt(lane, LIMITS, { eventId: 'a', nowMs: 0 });
    endAttempt(lane, LIMITS, result('a', { nowMs: durationMs }));
  }
  expect(isSlow(lane, 3_000)).toBe(true);
});

test('whatever happens, no more is under way than the limits allow', () => {
  const step = fc.record({
    begin: fc.boolean(),
    ok: fc.boolean(),
    timedOut: fc.boolean(),
    waitedMs: fc.integer({ min: 0, max: 60_000 }),
    random: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
  });
  const limitsArb = fc.record({
    maxConcurrency: fc.integer({ min: 1, max: 64 }),
    maxRps: fc.option(fc.integer({ min: 1, max: 100 })),
  });
  fc.assert(
    fc.property(limitsArb, fc.array(step, { maxLength: 200 }), (limits, steps) => {
      const lane = createLaneState(0);
      let nowMs = 0;
      let count = 0;
      for (const { begin, ok, timedOut, waitedMs, random } of steps) {
        nowMs += waitedMs;
        if (begin && roomOf(lane, limits, nowMs) > 0)
          beginAttempt(lane, limits, { eventId: `${count++}`, nowMs });
        const [oldest] = lane.underWay.keys();
        if (!begin && oldest !== undefined)
          endAttempt(lane, limits, result(oldest, { ok, timedOut, nowMs, random }));
        expect(lane.underWay.size).toBeLessThanOrEqual(limits.maxConcurrency);
        expect(lane.concurrency).toBeGreaterThanOrEqual(1);
      }
    }),
  );
});
