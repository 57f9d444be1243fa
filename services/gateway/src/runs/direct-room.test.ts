import { LogUnavailable } from '@errand/bus';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createDirectRoom } from './direct-room.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
afterEach(() => void vi.useRealTimers());

test('more than the first room is good as long as the scheduler says so, and ten seconds', async () => {
  let answers = true;
  const askScheduler = async () => {
    if (answers) return { kind: 'room', jobs: 1_000 } as const;
    throw new LogUnavailable('away');
  };
  const room = createDirectRoom({ commands: { askScheduler } } as never);
  const take = (count: number) => room.take('a', 'add', count).direct;
  expect(take(20)).toBe(10);
  await vi.waitUntil(() => take(1) === 1);
  expect(take(500)).toBe(500);
  answers = false;
  vi.advanceTimersByTime(10_001);
  expect(take(400)).toBe(10);
});
