import { openBus } from '@errand/bus';
import { DEFAULT_TOPOLOGY } from '@errand/contracts';
import { rawNatsRequest, startTestNats } from '@errand/testkit';
import { expect, test } from 'vitest';
import { startTestExecutor } from './executor.ts';

test('an executor whose settings know nothing of the log leaves its streams as they are', async () => {
  await using nats = await startTestNats();
  // With the scheduler that both share.
  await using _first = await startTestExecutor(nats.url);
  const topology = { ...DEFAULT_TOPOLOGY, jobsMaxAgeHours: 40 };
  await using _bus = await openBus({ servers: nats.url, name: 'test', topology });
  await using _second = await startTestExecutor(nats.url);
  const { config } = await rawNatsRequest(nats.url, '$JS.API.STREAM.INFO.JOBS');
  expect(config).toMatchObject({ max_age: 40 * 3_600_000_000_000 });
});
