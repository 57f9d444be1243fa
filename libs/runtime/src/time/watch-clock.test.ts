import { expect, test } from 'vitest';
import { createOps } from '../http/ops-routes.ts';
import { watchClock } from './watch-clock.ts';

test('the clock offset is measured repeatedly, and reported beyond the limit', async () => {
  const ops = createOps({ service: 'test', checks: () => ({}) });
  const stop = new AbortController();
  const results: (number | Error)[] = [-1_001, 1_000, new Error('away'), 2_000];
  const shown: unknown[] = [];
  const warned: unknown[] = [];
  await watchClock({
    async measure() {
      const gauge = await ops.metrics.getSingleMetric('errand_clock_ahead_ms')?.get();
      shown.push(gauge?.values[0]?.value);
      const result = results.shift();
      if (result === undefined) stop.abort();
      if (typeof result !== 'number') throw result;
      return result;
    },
    maxOffMs: 1_000,
    metrics: ops.metrics,
    log: { warn: (said: unknown) => void warned.push(said) },
    signal: stop.signal,
    intervalMs: 1,
  });
  expect(shown).toEqual([0, -1_001, 1_000, 1_000, 2_000]);
  expect(warned).toEqual([
    { ahead_ms: -1_001, max_ms: 1_000 },
    { ahead_ms: 2_000, max_ms: 1_000 },
  ]);
});
