import fc from 'fast-check';
import { expect, test } from 'vitest';
import { afterFailure, afterSuccess, type Breaker, breakerLimit, CLOSED, lifted } from './breaker.ts';

const MID = 0.5;
const failure = (eventId: string, over: Partial<Parameters<typeof afterFailure>[1]> = {}) => ({
  eventId,
  probe: false,
  nowMs: 0,
  heldUntilMs: null,
  random: MID,
  ...over,
});
const failing = (ids: string[]) => ids.reduce<Breaker>((b, id) => afterFailure(b, failure(id)), CLOSED);
const OPEN = failing(['a', 'b', 'c', 'd', 'e']);

test('five failures in a row of three deliveries open it, and the first probe comes after 5 s', () => {
  expect(OPEN).toEqual({ kind: 'open', step: 0, nextProbeMs: 5_000 });
  expect(failing(['a', 'b', 'c', 'c']).kind).toBe('closed');
  expect(failing(['a', 'b', 'c', 'c', 'c']).kind).toBe('open');
});

test('one or two deliveries that always fail never open it', () => {
  expect(failing(Array.from({ length: 100 }, (_, index) => `${index % 2}`)).kind).toBe('closed');
});

test('a success in between makes the count start anew', () => {
  const four = failing(['a', 'b', 'c', 'd']);
  expect(afterFailure(afterSuccess(four), failure('e')).kind).toBe('closed');
});

test('probes that fail wait twice as long each, up to 15 minutes', () => {
  let breaker = OPEN;
  const waitsMs: number[] = [];
  for (let probes = 0; probes < 10 && breaker.kind === 'open'; probes++) {
    const nowMs = breaker.nextProbeMs;
    breaker = afterFailure(breaker, failure('a', { probe: true, nowMs }));
    if (breaker.kind === 'open') waitsMs.push((breaker.nextProbeMs - nowMs) / 1_000);
  }
  expect(waitsMs).toEqual([10, 20, 40, 80, 160, 320, 640, 900, 900, 900]);
});

test('an attempt that began before it opened does not put the probe off', () => {
  expect(afterFailure(OPEN, failure('f', { nowMs: 4_000 }))).toEqual(OPEN);
});

test('a probe that succeeds lets one through, then two, then four, then all', () => {
  const limits: number[] = [];
  for (let breaker = afterSuccess(OPEN); breaker.kind === 'half_open'; breaker = afterSuccess(breaker)) {
    limits.push(breakerLimit(breaker, 16, 0));
  }
  expect(limits).toEqual([1, 2, 2, 4, 4, 4, 4]);
});

test('a failure while half open opens it for longer than before', () => {
  expect(afterFailure(afterSuccess(OPEN), failure('a'))).toEqual({
    kind: 'open',
    step: 1,
    nextProbeMs: 10_000,
  });
});

test('Retry-After opens it at once until then, and does not lengthen the waits', () => {
  const held = afterFailure(CLOSED, failure('a', { heldUntilMs: 60_000 }));
  expect(held).toEqual({ kind: 'open', step: 0, nextProbeMs: 60_000 });
  expect(afterFailure(afterSuccess(held), failure('a', { heldUntilMs: 90_000 }))).toEqual({
    kind: 'open',
    step: 0,
    nextProbeMs: 90_000,
  });
});

test('a probe is never due before the Retry-After of the last one, nor sooner than its own wait', () => {
  const probe = { probe: true, nowMs: 5_000 };
  expect(afterFailure(OPEN, failure('a', { ...probe, heldUntilMs: 6_000 }))).toMatchObject({
    nextProbeMs: 15_000,
  });
  expect(afterFailure(OPEN, failure('a', { ...probe, heldUntilMs: 99_000 }))).toMatchObject({
    nextProbeMs: 99_000,
  });
});

test('whatever happens, nothing but one probe gets through while it is open, and waits stay within 15 min + 20 %', () => {
  const step = fc.record({
    ok: fc.boolean(),
    probe: fc.boolean(),
    id: fc.integer({ min: 0, max: 5 }),
    random: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
    waitedMs: fc.integer({ min: 0, max: 2_000_000 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
      let breaker: Breaker = CLOSED;
      let nowMs = 0;
      for (const { ok, probe, id, random, waitedMs } of steps) {
        nowMs += waitedMs;
        breaker = ok
          ? afterSuccess(breaker)
          : afterFailure(breaker, failure(`${id}`, { probe, nowMs, random }));
        const limit = breakerLimit(breaker, 16, nowMs);
        if (breaker.kind === 'open') {
          expect(limit).toBeLessThanOrEqual(1);
          expect(breaker.nextProbeMs - nowMs).toBeLessThanOrEqual(1_080_000);
        } else expect(limit).toBeGreaterThan(0);
      }
    }),
  );
});

test('one that is lifted probes at once, and its waits begin anew', () => {
  const held: Breaker = { kind: 'open', step: 7, nextProbeMs: 900_000 };
  const probing = lifted(held);
  expect(breakerLimit(probing, 16, 0)).toBe(1);
  expect(afterFailure(probing, failure('a', { probe: true, nowMs: 1_000 }))).toEqual({
    kind: 'open',
    step: 1,
    nextProbeMs: 11_000,
  });
  expect(lifted(CLOSED)).toBe(CLOSED);
});
