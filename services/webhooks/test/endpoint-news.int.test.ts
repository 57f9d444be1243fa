import { createDailyPartitions, migrate } from '@errand/postgres';
import { waitUntil } from '@errand/testkit';
import { expect, test } from 'vitest';
import { watchEndpoints } from '../src/endpoints/directory.ts';
import { createEndpointStates, type EndpointStates } from '../src/endpoints/endpoint-states.ts';
import { fanOutOfNews } from '../src/endpoints/news.ts';
import { CLOSED } from '../src/pacing/breaker.ts';
import { receiver, startForEachTest, system, tenantId } from './system.ts';

const HOUR_MS = 3_600_000;

startForEachTest();

const newsAt = (path: string) =>
  receiver.requests.filter(({ url }) => url === path).map(({ body }) => JSON.parse(body));
const typesAt = (path: string) => newsAt(path).map(({ type }) => type);

/** An endpoint that fails at `/sick`, and others that ask for news of it and are told at their name. */
async function addWard() {
  const url = (path: string) => ({ tenant_id: tenantId, url: `${receiver.url}${path}` });
  // It asks for news too: of itself it gets none.
  const sick = await system.addEndpoint({ ...url('/sick'), event_types: ['job.*', 'webhook.*'] });
  await system.addEndpoint({
    ...url('/all'),
    event_types: ['webhook.*'],
    actions: ['none'],
    metadata: { a: 'b' },
  });
  await system.addEndpoint({ ...url('/disabled'), event_types: ['webhook.disabled'] });
  await system.addEndpoint({ ...url('/jobs'), event_types: ['job.failed'] });
  await system.addEndpoint({ ...url('/paused'), event_types: ['webhook.*'], enabled: false });
  return sick;
}

/** Ends a job and resolves when the attempt to tell this endpoint is over, and its time therefore known. */
async function attemptOnce({ endpoint_id }: { endpoint_id: string }) {
  const { eventId } = await system.endJob(tenantId);
  const attempt = system.db
    .selectFrom('webhook_attempt')
    .select('attempt')
    .where('event_id', '=', eventId)
    .where('endpoint_id', '=', endpoint_id);
  await waitUntil(() => attempt.executeTakeFirst());
}

test('other endpoints that ask for it hear once that one has been failing for an hour, and that it works again', async () => {
  let aheadMs = 0;
  const context = { now: () => Date.now() + aheadMs, schedule: { waitsMs: [0], jitter: 0 } };
  await using _service = await system.start({}, context);
  const sick = await addWard();
  receiver.respond = ({ url }) => (url === '/sick' ? 500 : 200);
  await attemptOnce(sick);
  aheadMs = HOUR_MS;
  await attemptOnce(sick);
  await waitUntil(() => newsAt('/all').length === 1);
  expect(newsAt('/all')[0]).toEqual({
    type: 'webhook.failing',
    timestamp: expect.any(String),
    data: {
      tenant_id: tenantId,
      endpoint_id: sick.endpoint_id,
      url_host: new URL(receiver.url).host,
      failing_since: expect.any(String),
    },
  });
  aheadMs += 60_000;
  await attemptOnce(sick);
  receiver.respond = 200;
  aheadMs += 60_000;
  await attemptOnce(sick);
  await waitUntil(() => newsAt('/all').length === 2);
  expect(typesAt('/all')).toEqual(['webhook.failing', 'webhook.recovered']);
  expect(newsAt('/all')[1].data.failing_since).toBe(newsAt('/all')[0].data.failing_since);
  for (const path of ['/disabled', '/jobs', '/paused']) expect(typesAt(path)).toEqual([]);
  expect(typesAt('/sick')).toEqual(Array(4).fill('job.succeeded'));
});

test('they hear that one was disabled, and why', async () => {
  let aheadMs = 0;
  await using _service = await system.start({}, { now: () => Date.now() + aheadMs });
  const sick = await addWard();
  receiver.respond = ({ url }) => (url === '/sick' ? 410 : 200);
  await attemptOnce(sick);
  aheadMs = 61_000;
  await attemptOnce(sick);
  await waitUntil(() => newsAt('/disabled').length + newsAt('/all').length === 2);
  for (const path of ['/disabled', '/all'])
    expect(newsAt(path)).toMatchObject([
      { type: 'webhook.disabled', data: { reason: 'gone', disabled_at: expect.any(String) } },
    ]);
});

test('news is stored with the state that it follows from, so that no crash loses or doubles it', async () => {
  await migrate(system.db);
  const sick = await addWard();
  await using resources = new AsyncDisposableStack();
  const endpoints = resources.adopt(await watchEndpoints(system.bus), (watch) => watch.close());
  const partitions = (['webhook_message', 'webhook_delivery', 'webhook_attempt'] as const).map((table) =>
    createDailyPartitions(system.db, table),
  );
  const key = { tenantId, endpointId: sick.endpoint_id, shard: 7 };
  const failure = { ok: false, gone: false, recordMs: 0, breaker: CLOSED };
  let storable = true;
  /** A process that has just started. */
  const processWith = (): EndpointStates => {
    const states: EndpointStates = createEndpointStates({
      db: system.db,
      partitions,
      now: Date.now,
      endpoints,
      onNews: () => {},
      fanOutOf: (news) => {
        const fanOut = fanOutOfNews(news, { endpoints, states, lifeMs: HOUR_MS });
        // A row that Postgres refuses takes the state with it.
        return storable || !fanOut ? fanOut : { ...fanOut, message: { ...fanOut.message, body: '\0' } };
      },
    });
    return states;
  };
  const messages = () => system.db.selectFrom('webhook_message').select('type').execute();
  const startedMs = Date.now();
  const first = processWith();
  first.observe(key, { ...failure, nowMs: startedMs });
  await first.flush();
  first.observe(key, { ...failure, nowMs: startedMs + HOUR_MS });
  storable = false;
  await expect(first.flush()).rejects.toThrow();
  expect(await messages()).toEqual([]);

  // It dies; the next one sees it a minute later, and stores it when it can.
  const second = processWith();
  const all = Array.from({ length: 256 }, (_, shard) => shard);
  await second.load(all, new Set());
  second.observe(key, { ...failure, nowMs: startedMs + HOUR_MS + 60_000 });
  await expect(second.flush()).rejects.toThrow();
  storable = true;
  await second.flush();
  await second.flush();
  expect(await messages()).toEqual([{ type: 'webhook.failing' }]);

  const third = processWith();
  await third.load(all, new Set());
  third.observe(key, { ...failure, nowMs: startedMs + HOUR_MS + 120_000 });
  await third.flush();
  expect(await messages()).toEqual([{ type: 'webhook.failing' }]);
});
