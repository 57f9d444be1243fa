import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  beginAttempt,
  createQueueState,
  type Ended,
  endAttempt,
  isSlow,
  type QueueLimits,
  roomAtMs,
  roomOf,
} from './endpoint-queue.ts';

const LIMITS: QueueLimits = { maxConcurrency: 16, maxRps: null };
const result = (eventId: string, over: Partial<Ended> = {}): Ended => ({
  eventId,
  nowMs: 0,
  random: 0.5,
  ok: true,
  timedOut: false,
  overloaded: false,
  heldUntilMs: null,
  ...over,
});

/** A queue that knows its endpoint from one good attempt. */
function provenQueue() {
  const queue = createQueueState(0);
  beginAttempt(queue, LIMITS, { eventId: 'first', nowMs: 0 });
  endAttempt(queue, LIMITS, result('first'));
  queue.successes = 0;
  return queue;
}

function queueWith(underWay: number, limits = LIMITS) {
  const queue = provenQueue();
  for (let index = 0; index < underWay; index++)
    beginAttempt(queue, limits, { eventId: `${index}`, nowMs: 0 });
  return queue;
}

test('an endpoint that has never been called gets one attempt, which has to end first', () => {
  const queue = createQueueState(0);
  expect(roomOf(queue, LIMITS, 0)).toBe(1);
  beginAttempt(queue, LIMITS, { eventId: 'a', nowMs: 0 });
  expect(roomOf(queue, LIMITS, 0)).toBe(0);
});

test('then it has room for four, and for one more after as many successes as it has room for', () => {
  const queue = queueWith(0);
  expect(roomOf(queue, LIMITS, 0)).toBe(4);
  for (let index = 0; index < 4; index++) {
    beginAttempt(queue, LIMITS, { eventId: `${index}`, nowMs: 0 });
    endAttempt(queue, LIMITS, result(`${index}`));
  }
  expect(roomOf(queue, LIMITS, 0)).toBe(5);
});

test('an endpoint’s own limit holds from the beginning', () => {
  expect(roomOf(queueWith(1), { ...LIMITS, maxConcurrency: 2 }, 0)).toBe(1);
});

test('four timeouts of the same moment halve it once, a later one halves it again', () => {
  const queue = queueWith(4);
  for (let index = 0; index < 4; index++) {
    endAttempt(queue, LIMITS, result(`${index}`, { ok: false, timedOut: true, nowMs: 15_000 + index }));
  }
  expect(queue.concurrency).toBe(2);
  beginAttempt(queue, LIMITS, { eventId: 'x', nowMs: 20_000 });
  endAttempt(queue, LIMITS, result('x', { ok: false, overloaded: true, nowMs: 21_000 }));
  expect(queue.concurrency).toBe(1);
});

test('a refusal that has nothing to do with load does not slow it down', () => {
  const queue = queueWith(1);
  endAttempt(queue, LIMITS, result('0', { ok: false }));
  expect(queue.concurrency).toBe(4);
});

test('max_rps spreads attempts over time', () => {
  const limits = { maxConcurrency: 64, maxRps: 2 };
  const queue = provenQueue();
  queue.concurrency = 64;
  const beganMs: number[] = [];
  for (let nowMs = 0; beganMs.length < 6; nowMs += 10) {
    while (roomOf(queue, limits, nowMs) > 0) {
      beganMs.push(nowMs);
      beginAttempt(queue, limits, { eventId: `${beganMs.length}`, nowMs });
    }
    expect(roomAtMs(queue, limits, nowMs)).toBeGreaterThan(nowMs);
  }
  expect(beganMs).toEqual([0, 0, 500, 1_000, 1_500, 2_000]);
});

test('a queue is slow after a timeout, and while an attempt hangs', () => {
  const queue = provenQueue();
  expect(isSlow(queue, 50)).toBe(false);
  beginAttempt(queue, LIMITS, { eventId: 'a', nowMs: 100 });
  expect(isSlow(queue, 2_000)).toBe(false);
  expect(isSlow(queue, 2_101)).toBe(true);
  endAttempt(queue, LIMITS, result('a', { ok: false, timedOut: true, nowMs: 15_100 }));
  expect(isSlow(queue, 15_100)).toBe(true);
  for (let index = 0; index < 8; index++) {
    beginAttempt(queue, LIMITS, { eventId: `${index}`, nowMs: 16_000 });
    endAttempt(queue, LIMITS, result(`${index}`, { nowMs: 16_010 }));
  }
  expect(isSlow(queue, 16_010)).toBe(false);
});

test('more than half of the last attempts over 2 s make a queue slow', () => {
  const queue = createQueueState(0);
  for (const durationMs of [10, 3_000, 3_000]) {
    beginAttempt(queue, LIMITS, { eventId: 'a', nowMs: 0 });
    endAttempt(queue, LIMITS, result('a', { nowMs: durationMs }));
  }
  expect(isSlow(queue, 3_000)).toBe(true);
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
      const queue = createQueueState(0);
      let nowMs = 0;
      let count = 0;
      for (const { begin, ok, timedOut, waitedMs, random } of steps) {
        nowMs += waitedMs;
        if (begin && roomOf(queue, limits, nowMs) > 0)
          beginAttempt(queue, limits, { eventId: `${count++}`, nowMs });
        const [oldest] = queue.underWay.keys();
        if (!begin && oldest !== undefined)
          endAttempt(queue, limits, result(oldest, { ok, timedOut, nowMs, random }));
        expect(queue.underWay.size).toBeLessThanOrEqual(limits.maxConcurrency);
        expect(queue.concurrency).toBeGreaterThanOrEqual(1);
      }
    }),
  );
});
