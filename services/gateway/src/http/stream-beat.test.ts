import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createStreamBeat } from './stream-beat.ts';

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

test('one timer beats for all, and there is none when nobody listens', () => {
  const beat = createStreamBeat(15_000);
  const beats = { a: 0, b: 0 };
  const stopA = beat.onBeat(() => beats.a++);
  const stopB = beat.onBeat(() => beats.b++);
  expect(vi.getTimerCount()).toBe(1);
  vi.advanceTimersByTime(30_000);
  stopA();
  vi.advanceTimersByTime(15_000);
  expect(beats).toEqual({ a: 2, b: 3 });
  stopB();
  stopB();
  expect(vi.getTimerCount()).toBe(0);
  beat.onBeat(() => beats.a++);
  vi.advanceTimersByTime(15_000);
  expect(beats.a).toBe(3);
});
