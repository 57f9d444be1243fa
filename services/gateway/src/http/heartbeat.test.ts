import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createHeartbeat } from './heartbeat.ts';

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

test('one timer beats for all, and there is none when nobody listens', () => {
  const heartbeat = createHeartbeat(15_000);
  const beats = { a: 0, b: 0 };
  const stopA = heartbeat.onBeat(() => beats.a++);
  const stopB = heartbeat.onBeat(() => beats.b++);
  expect(vi.getTimerCount()).toBe(1);
  vi.advanceTimersByTime(30_000);
  stopA();
  vi.advanceTimersByTime(15_000);
  expect(beats).toEqual({ a: 2, b: 3 });
  stopB();
  stopB();
  expect(vi.getTimerCount()).toBe(0);
  heartbeat.onBeat(() => beats.a++);
  vi.advanceTimersByTime(15_000);
  expect(beats.a).toBe(3);
});
