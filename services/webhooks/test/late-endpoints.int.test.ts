import { BUCKETS, bucketStream, WEBHOOKS_READER } from '@errand/contracts';
import { readLogPosition } from '@errand/postgres';
import { startNatsProxy } from '@errand/testkit';
import { expect, test } from 'vitest';
import { nats, receiver, startForEachTest, system, tenantId } from './system.ts';

startForEachTest();

test('an endpoint that is made between two endings hears of the second one, however late the service knows of it', async () => {
  await using proxy = await startNatsProxy(nats.url);
  await using _service = await system.start({ natsUrl: proxy.url });
  const position = () => readLogPosition(system.db, WEBHOOKS_READER.name);
  const before = await system.endJob(tenantId);
  const { lastVersion } = await system.bus.jobs.reach();
  await expect.poll(position).toBe(lastVersion);

  const stream = bucketStream(BUCKETS.webhookEndpoints);
  using news = proxy.hold('server', (frame) => frame.includes(`.${BUCKETS.webhookEndpoints}.${tenantId}.`));
  let isAsked = false;
  using _asking = proxy.hold('client', (frame) => {
    isAsked ||= frame.includes(`STREAM.INFO.${stream}`);
    return false;
  });
  await system.addEndpoint({ tenant_id: tenantId, url: receiver.url, hears_after: lastVersion });
  await news.caught;
  const after = await system.endJob(tenantId);
  // The batch is there: it waits for what the bucket holds, or has passed.
  await expect.poll(async () => isAsked || ((await position()) ?? 0) > lastVersion).toBe(true);
  news.letGo();
  await receiver.waitFor(({ headers }) => headers['webhook-id'] === after.eventId);
  expect(receiver.requests.map(({ headers }) => headers['webhook-id'])).not.toContain(before.eventId);
});
