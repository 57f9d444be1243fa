import {
  createTestDatabase,
  type Receiver,
  startReceiver,
  startTestNats,
  type TestDatabase,
  type TestNats,
  waitUntil,
} from '@errand/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openTestSystem, type TestSystem } from './system.ts';

let nats: TestNats;
let database: TestDatabase;
let system: TestSystem;
let receiver: Receiver;

beforeAll(async () => {
  nats = await startTestNats();
  database = await createTestDatabase();
  system = await openTestSystem({ natsUrl: nats.url, databaseUrl: database.url });
  receiver = await startReceiver();
});

afterAll(async () => {
  await receiver[Symbol.asyncDispose]();
  await system[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
  await nats[Symbol.asyncDispose]();
});

test('every request says which attempt of which delivery it is and why it is made, as the delivery log does', async () => {
  let aheadMs = 0;
  const schedule = { waitsMs: [0, 0], jitter: 0 };
  await using _service = await system.start({}, { now: () => Date.now() + aheadMs, schedule });
  receiver.respond = () => (receiver.requests.length === 1 ? 500 : 200);
  const { tenant_id, endpoint_id } = await system.addEndpoint({ tenant_id: 'acme', url: receiver.url });
  const { eventId: event_id } = await system.endJob('acme');
  await waitUntil(() => receiver.requests.length === 2);

  const ids = { tenant_id, endpoint_id };
  const deliveredAfter = (attempts: number) =>
    waitUntil(async () => {
      const row = await system.db.selectFrom('webhook_delivery').selectAll().executeTakeFirstOrThrow();
      return row.state === 'delivered' && row.attempts === attempts;
    });
  await deliveredAfter(2);
  await system.bus.commands.askWebhooks('redeliver', { ...ids, event_id });
  await deliveredAfter(3);
  const since = '2020-01-01T00:00:00.000Z';
  await system.bus.commands.askWebhooks('replay', { ...ids, since, only: 'all', dry_run: false });
  await deliveredAfter(4);
  // An endpoint that asks to be held is tried by a probe.
  receiver.respond = () => ({ status: 429, headers: { 'retry-after': '60' } });
  await system.bus.commands.askWebhooks('redeliver', { ...ids, event_id });
  await waitUntil(() => receiver.requests.length === 5);
  receiver.respond = 200;
  await waitUntil(async () => {
    const row = await system.db.selectFrom('webhook_delivery').selectAll().executeTakeFirstOrThrow();
    return row.attempts === 5;
  });
  aheadMs = 61_000;
  await deliveredAfter(6);
  await system.bus.commands.askWebhooks('test', ids);

  const said = receiver.requests.map(({ headers }) => headers);
  const numbered = said.map((headers) => [headers['errand-attempt'], headers['errand-trigger']]);
  const attempts = [
    ...[1, 2].map((attempt) => ({ attempt, trigger: 'auto' })),
    { attempt: 3, trigger: 'manual' },
    { attempt: 4, trigger: 'replay' },
    { attempt: 5, trigger: 'manual' },
    { attempt: 6, trigger: 'probe' },
  ];
  expect(numbered).toEqual([
    ...attempts.map(({ attempt, trigger }) => [`${attempt}`, trigger]),
    ['1', 'test'],
  ]);
  const deliveries = said.map((headers) => headers['errand-delivery']);
  expect(new Set(deliveries.slice(0, 6))).toEqual(new Set([`${event_id}.${endpoint_id}`]));
  expect(deliveries[6]).toBe(`${said[6]?.['webhook-id']}.${endpoint_id}`);
  const logged = await system.db
    .selectFrom('webhook_attempt')
    .select(['attempt', 'trigger'])
    .orderBy('attempt')
    .execute();
  expect(logged).toEqual(attempts);
});
