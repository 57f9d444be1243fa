import { startTestNats } from '@errand/testkit';
import { expect, test } from 'vitest';
import { openTestBus } from './bus.ts';

const MINUTES_MS = 600_000;

test('a clock is compared with that of the log', async () => {
  await using nats = await startTestNats();
  await using bus = await openTestBus(nats.url);
  const ahead = await bus.clockAheadMs(() => Date.now() + MINUTES_MS);
  const behind = await bus.clockAheadMs(() => Date.now() - MINUTES_MS);
  expect(await bus.clockAheadMs()).toBe(0);
  expect([Math.round(ahead / MINUTES_MS), Math.round(behind / MINUTES_MS)]).toEqual([1, -1]);
  await nats.kill();
  await expect(bus.clockAheadMs()).rejects.toMatchObject({ code: 'log_unavailable' });
});
