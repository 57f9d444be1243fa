import { startTestNats, type TestNats } from '@errand/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Bus } from '../src/bus.ts';
import { connectionOf } from '../src/testing.ts';
import { newJob, openTestBus, requested } from './bus.ts';

let nats: TestNats;
let bus: Bus;
beforeAll(async () => {
  nats = await startTestNats();
  bus = await openTestBus(nats.url);
});
afterAll(async () => {
  await bus?.[Symbol.asyncDispose]();
  await nats?.[Symbol.asyncDispose]();
});

test('reads of existing and missing jobs leave no subscription behind', async () => {
  const ref = newJob();
  await bus.jobs.append({ ref, event: requested(ref), expectedVersion: 0 });
  // The first request makes the inbox that all later ones share.
  await bus.jobs.read(ref);
  const before = subscriptions();
  for (let reads = 0; reads < 20; reads++) {
    expect(await bus.jobs.read(ref)).toHaveLength(1);
    expect(await bus.jobs.read(newJob())).toEqual([]);
  }
  expect(subscriptions()).toBe(before);
});

/** The client exposes no count, so its own list is looked at. */
function subscriptions(): number {
  return (
    connectionOf(bus) as unknown as { protocol: { subscriptions: { size(): number } } }
  ).protocol.subscriptions.size();
}
