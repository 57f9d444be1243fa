import { waitUntil } from '@errand/testkit';
import { Webhook } from 'standardwebhooks';
import { expect, test } from 'vitest';
import { receiver, SIGNING_SECRET, startForEachTest, system, tenantId, threeAttempts } from './system.ts';

startForEachTest();

const deliveries = (endpointId: string) =>
  system.db
    .selectFrom('webhook_delivery')
    .select(['event_id', 'state', 'attempts'])
    .where('endpoint_id', '=', endpointId)
    .orderBy('event_id')
    .execute();
const untilDelivered = (endpointId: string, count: number) =>
  waitUntil(async () => {
    const rows = await deliveries(endpointId);
    return rows.length === count && rows.every(({ state }) => state === 'delivered') ? rows : undefined;
  });

async function replay(
  endpointId: string,
  about: { since: string; only?: 'failed' | 'expired' | 'missed' | 'all'; until?: string; dry_run?: boolean },
) {
  const answer = await system.bus.commands.askWebhooks('replay', {
    tenant_id: tenantId,
    endpoint_id: endpointId,
    only: 'missed',
    dry_run: false,
    ...about,
  });
  if (answer.kind !== 'started') throw new Error(answer.code);
  return answer.replay_id;
}

const untilDone = (replayId: string) =>
  waitUntil(async () => {
    const row = await system.db
      .selectFrom('webhook_replay')
      .select(['state', 'matched', 'scheduled', 'error'])
      .where('replay_id', '=', replayId)
      .executeTakeFirst();
    return row && row.state !== 'running' ? row : undefined;
  });

/** Resolves when whatever ended before has been taken in. */
async function untilTakenIn(): Promise<void> {
  const other = await system.addEndpoint({ tenant_id: `${tenantId}-other`, url: receiver.url });
  await system.endJob(`${tenantId}-other`);
  await untilDelivered(other.endpoint_id, 1);
}

const EPOCH = '2020-01-01T00:00:00.000Z';

test('a test call goes out signed, and its answer comes back with the secrets blanked out', async () => {
  await using _service = await system.start();
  receiver.respond = () => ({ status: 418, body: 'short' });
  const { endpoint_id } = await system.addEndpoint(
    { tenant_id: tenantId, url: receiver.url, enabled: false },
    { password: 'pa55', headers: { 'x-key': 's3cret' } },
  );
  const answer = await system.bus.commands.askWebhooks('test', { tenant_id: tenantId, endpoint_id });
  expect(answer).toMatchObject({
    kind: 'attempted',
    outcome: 'failed',
    status: 418,
    error_code: 'http_status',
    response: 'short',
    request_headers: { 'x-key': '[redacted]', authorization: '[redacted]' },
  });
  const [request] = receiver.requests;
  const headers = request?.headers as Record<string, string>;
  expect(headers['x-key']).toBe('s3cret');
  expect(new Webhook(SIGNING_SECRET).verify(request?.body ?? '', headers)).toMatchObject({
    type: 'webhook.test',
  });
  expect(await deliveries(endpoint_id)).toEqual([]);
});

test('a test call passes the same gate as a delivery', async () => {
  await using _service = await system.start({ allowCidrs: [] });
  const { endpoint_id } = await system.addEndpoint({ tenant_id: tenantId, url: receiver.url });
  const answer = await system.bus.commands.askWebhooks('test', { tenant_id: tenantId, endpoint_id });
  expect(answer).toMatchObject({ outcome: 'failed', status: null, error_code: 'address_blocked' });
  expect(receiver.requests).toEqual([]);
});

test('what is asked of an unknown endpoint or delivery is refused, and a request that makes no sense too', async () => {
  await using _service = await system.start();
  const endpoint_id = 'whe_none';
  expect(await system.bus.commands.askWebhooks('test', { tenant_id: tenantId, endpoint_id })).toEqual({
    kind: 'refused',
    code: 'unknown_endpoint',
  });
  await expect(replay(endpoint_id, { since: EPOCH })).rejects.toThrow('unknown_endpoint');
  const event_id = '019a5b1c-0000-7000-8000-000000000001';
  expect(
    await system.bus.commands.askWebhooks('redeliver', { tenant_id: tenantId, event_id, endpoint_id }),
  ).toEqual({
    kind: 'refused',
    code: 'unknown_delivery',
  });
  expect(await system.bus.commands.askWebhooks('test', { tenant_id: 'a.b', endpoint_id })).toEqual({
    kind: 'refused',
    code: 'invalid_request',
  });
});

test('nobody to answer is an error, not a wait', async () => {
  const asked = system.bus.commands.askWebhooks('test', { tenant_id: tenantId, endpoint_id: 'whe_none' });
  await expect(asked).rejects.toMatchObject({ code: 'log_unavailable' });
});

test('a delivery can be made again after it failed and after it succeeded, each time with a schedule of its own', async () => {
  await using _service = await system.start({}, { schedule: threeAttempts(0) });
  receiver.respond = 500;
  const { endpoint_id } = await system.addEndpoint({ tenant_id: tenantId, url: receiver.url });
  const { eventId } = await system.endJob(tenantId);
  const reached = (state: string, attempts: number) =>
    waitUntil(async () => {
      const [row] = await deliveries(endpoint_id);
      return row?.state === state && row.attempts === attempts;
    });
  await reached('failed', 3);
  const request = { tenant_id: tenantId, event_id: eventId, endpoint_id };
  // Two more failures than one round has left, so the schedule must have begun anew.
  receiver.respond = ({ headers }) => (Number(headers['errand-attempt']) < 6 ? 500 : 200);
  await system.db.deleteFrom('webhook_endpoint_state').execute();
  expect(await system.bus.commands.askWebhooks('redeliver', request)).toMatchObject({
    kind: 'scheduled',
    attempts: 3,
  });
  await reached('delivered', 6);
  expect(await system.bus.commands.askWebhooks('redeliver', request)).toMatchObject({
    kind: 'scheduled',
    attempts: 6,
  });
  await reached('delivered', 7);
  expect(
    await system.bus.commands.askWebhooks('redeliver', { ...request, tenant_id: 'another' }),
  ).toMatchObject({
    kind: 'refused',
  });
});

test('what ended while an endpoint was paused, and before it existed, is brought back from the log', async () => {
  await using _service = await system.start();
  const paused = await system.addEndpoint({ tenant_id: tenantId, url: receiver.url, enabled: false });
  const ended = await Promise.all(Array.from({ length: 3 }, () => system.endJob(tenantId)));
  await untilTakenIn();
  const later = await system.addEndpoint({ tenant_id: tenantId, url: receiver.url });
  await system.endJob(tenantId);
  await untilDelivered(later.endpoint_id, 1);
  expect(await deliveries(paused.endpoint_id)).toEqual([]);

  const counted = await untilDone(await replay(paused.endpoint_id, { since: EPOCH, dry_run: true }));
  expect(counted).toMatchObject({ state: 'done', matched: 4, scheduled: 0 });
  expect(await deliveries(paused.endpoint_id)).toEqual([]);

  const replayId = await replay(paused.endpoint_id, { since: EPOCH });
  await system.addEndpoint({ ...paused, enabled: true });
  expect(await untilDone(replayId)).toMatchObject({ state: 'done', matched: 4, scheduled: 4 });
  const rows = await untilDelivered(paused.endpoint_id, 4);
  for (const { eventId } of ended) expect(rows.map(({ event_id }) => event_id)).toContain(eventId);

  const before = await untilDone(await replay(later.endpoint_id, { since: EPOCH }));
  expect(before).toMatchObject({ matched: 3, scheduled: 3 });
  await untilDelivered(later.endpoint_id, 4);
  const again = await untilDone(await replay(later.endpoint_id, { since: EPOCH }));
  expect(again).toMatchObject({ matched: 0, scheduled: 0 });
});

test('a replay keeps to its times and to the filters of the endpoint', async () => {
  await using _service = await system.start();
  await system.endJob(tenantId);
  await untilTakenIn();
  const since = new Date().toISOString();
  await waitUntil(() => Date.now() > Date.parse(since));
  const inside = await system.endJob(tenantId);
  await system.endJob(tenantId, { type: 'JobCanceled', data: { by: 'test' } });
  const until = new Date().toISOString();
  await waitUntil(() => Date.now() > Date.parse(until));
  await system.endJob(tenantId);
  await untilTakenIn();
  const { endpoint_id } = await system.addEndpoint({
    tenant_id: tenantId,
    url: receiver.url,
    event_types: ['job.succeeded'],
  });
  expect(await untilDone(await replay(endpoint_id, { since, until }))).toMatchObject({
    matched: 1,
    scheduled: 1,
  });
  const [row] = await untilDelivered(endpoint_id, 1);
  expect(row?.event_id).toBe(inside.eventId);
});

test('what a replay brings back is told by when the log stored it, whatever the clocks of executors say', async () => {
  await using _service = await system.start();
  const since = new Date().toISOString();
  await waitUntil(() => Date.now() > Date.parse(since));
  const [minutes, nobody] = [600_000, undefined];
  const ended = [];
  for (const aheadMs of [minutes, -minutes])
    ended.push(await system.endJob(tenantId, nobody, nobody, aheadMs));
  const until = new Date(Date.now() + 1_000).toISOString();
  await untilTakenIn();
  const { endpoint_id } = await system.addEndpoint({ tenant_id: tenantId, url: receiver.url });
  await untilDone(await replay(endpoint_id, { since, until }));
  const rows = await untilDelivered(endpoint_id, 2);
  expect(rows.map(({ event_id }) => event_id).sort()).toEqual(ended.map(({ eventId }) => eventId).sort());
});

test('failed deliveries are made again without those that succeeded, and all means both', async () => {
  await using _service = await system.start({}, { schedule: { waitsMs: [0], jitter: 0 } });
  let calls = 0;
  receiver.respond = () => (calls++ % 3 === 0 ? 500 : 200);
  const { endpoint_id } = await system.addEndpoint({ tenant_id: tenantId, url: receiver.url });
  await Promise.all(Array.from({ length: 9 }, () => system.endJob(tenantId)));
  await waitUntil(async () => {
    const rows = await deliveries(endpoint_id);
    return rows.length === 9 && rows.every(({ state }) => state !== 'pending');
  });
  receiver.respond = 200;
  expect(await untilDone(await replay(endpoint_id, { since: EPOCH, only: 'failed' }))).toMatchObject({
    matched: 3,
    scheduled: 3,
  });
  await untilDelivered(endpoint_id, 9);
  expect(receiver.requests).toHaveLength(12);
  expect(await untilDone(await replay(endpoint_id, { since: EPOCH, only: 'all' }))).toMatchObject({
    matched: 9,
  });
  await waitUntil(() => receiver.requests.length === 21);
});

test('a replay that a stop interrupts is finished by the next process', async () => {
  const first = await system.start();
  for (let round = 0; round < 5; round++) {
    await Promise.all(Array.from({ length: 100 }, () => system.endJob(tenantId)));
  }
  await untilTakenIn();
  const endpoint = await system.addEndpoint({ tenant_id: tenantId, url: receiver.url });
  const before = receiver.requests.length;
  const replayId = await replay(endpoint.endpoint_id, { since: EPOCH });
  await waitUntil(async () => (await deliveries(endpoint.endpoint_id)).length > 0, { intervalMs: 1 });
  await first[Symbol.asyncDispose]();
  await using _second = await system.start();
  expect(await untilDone(replayId)).toMatchObject({ state: 'done', matched: 500, scheduled: 500 });
  await untilDelivered(endpoint.endpoint_id, 500);
  expect(receiver.requests).toHaveLength(before + 500);
});
