import { startTestNats, type TestNats } from '@errand/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Bus } from '../src/bus.ts';
import { openTestBus } from './bus.ts';

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

test('an executor answers for its jobs, and one that is gone holds none', async () => {
  const stopAnswering = bus.commands.answerHolds('e-1', {
    holds: (jobId) => jobId === 'job-1',
    onTaken() {},
  });
  expect(await bus.commands.askHolds('e-1', 'job-1')).toBe(true);
  expect(await bus.commands.askHolds('e-1', 'job-2')).toBe(false);
  stopAnswering();
  expect(await bus.commands.askHolds('e-1', 'job-1')).toBe(false);
});

test('after a reconnection an executor that comes back a moment later keeps its jobs', async () => {
  await nats.kill();
  await expect.poll(bus.isConnected).toBe(false);
  await nats.restart();
  await expect.poll(bus.isConnected, { timeout: 10_000 }).toBe(true);
  // On one connection: the server gets the question before anybody can answer it.
  const asked = bus.commands.askHolds('late', 'job-1');
  const stopAnswering = bus.commands.answerHolds('late', { holds: () => true, onTaken() {} });
  expect(await asked).toBe(true);
  stopAnswering();
});
