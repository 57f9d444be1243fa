import { randomUUIDv7 } from 'node:crypto';
import type { WebhookHandlers } from '@errand/bus';
import type { WebhookRequest } from '@errand/contracts';
import { waitUntil } from '@errand/testkit';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { openDeliveries, type TestDeliveries } from './deliveries.ts';
import { startTestGateway, TENANT, type TestGateway } from './gateway.ts';

const PATH = '/v2/tenants/acme/webhooks';
const TESTS_PER_MINUTE = 3;
const AT = '2026-11-20T10:00:00.000Z';
const ATTEMPT = {
  event_id: randomUUIDv7(),
  started_at: AT,
  duration_ms: 7,
  status: 500,
  error_code: 'http_500',
  request_headers: { 'x-key': '[redacted]' },
  response: 'no',
  outcome: 'failed' as const,
};

let gateway: TestGateway;
let endpointId = '';
let stopAnswering = () => {};
const asked: unknown[] = [];

beforeAll(async () => {
  gateway = await startTestGateway({ webhookTestsPerMinute: TESTS_PER_MINUTE });
  endpointId = (await gateway.call(PATH, { body: { url: 'https://example.com' } })).json.endpoint_id;
});

afterAll(async () => {
  stopAnswering();
  await gateway[Symbol.asyncDispose]();
});

beforeEach(() => {
  asked.length = 0;
});

/** Stands in for the webhooks service. */
async function answer(
  answers: Partial<{ [C in keyof WebhookHandlers]: Awaited<ReturnType<WebhookHandlers[C]>> }>,
) {
  stopAnswering();
  const refused = { kind: 'refused', code: 'unknown_endpoint' } as const;
  const note = <T>(request: unknown, given: T): Promise<T> => {
    asked.push(request);
    return Promise.resolve(given);
  };
  stopAnswering = await gateway.bus.commands.answerWebhooks(
    {
      test: (request) => note(request, answers.test ?? refused),
      redeliver: (request) => note(request, answers.redeliver ?? refused),
      replay: (request) => note(request, answers.replay ?? refused),
      cancel_replay: (request) => note(request, answers.cancel_replay ?? refused),
    },
    (error) => {
      throw error;
    },
  );
}

const post = (path: string, body?: object, token?: string) =>
  gateway.call(path, { method: 'POST', ...(body ? { body } : {}), ...(token ? { token } : {}) });
const replay = (body: object) => post(`${PATH}/${endpointId}/replays`, body);

test('while no webhooks service runs, each call that needs it is 503', async () => {
  const calls = [
    post(`${PATH}/${endpointId}/test`),
    replay({ since: AT, only: 'missed' }),
    post(`${PATH}/${endpointId}/replays/${randomUUIDv7()}/cancel`),
    post(`/v2/tenants/acme/deliveries/${randomUUIDv7()}.${endpointId}/redeliver`),
  ];
  for (const { status, json, headers } of await Promise.all(calls)) {
    expect([status, json.code, headers.get('retry-after')]).toEqual([503, 'webhooks_unavailable', '2']);
  }
});

test('a test answers 200 with the attempt, whatever came of it, and is limited', async () => {
  await answer({ test: { kind: 'attempted', ...ATTEMPT } });
  // The one before, which nobody answered, counts as well.
  for (let made = 1; made < TESTS_PER_MINUTE; made++) {
    const { status, json } = await post(`${PATH}/${endpointId}/test`);
    expect([status, json]).toEqual([200, ATTEMPT]);
  }
  expect(asked).toContainEqual({ tenant_id: TENANT, endpoint_id: endpointId });
  const refused = await post(`${PATH}/${endpointId}/test`);
  expect([refused.status, refused.json.code]).toEqual([429, 'too_many_tests']);
  const waitS = Number(refused.headers.get('retry-after'));
  expect(waitS).toBeGreaterThan(0);
  expect(waitS).toBeLessThanOrEqual(60);
  expect(asked.length).toBe(TESTS_PER_MINUTE - 1);
  gateway.shiftMs = waitS * 1_000;
  try {
    expect((await post(`${PATH}/${endpointId}/test`)).status).toBe(200);
  } finally {
    gateway.shiftMs = 0;
  }
});

test('a redelivery is asked for by the delivery', async () => {
  const eventId = randomUUIDv7();
  await answer({ redeliver: { kind: 'scheduled', attempts: 3, due_at: AT } });
  const id = `${eventId}.${endpointId}`;
  const { status, json } = await post(`/v2/tenants/acme/deliveries/${id}/redeliver`);
  expect([status, json]).toEqual([202, { delivery_id: id, attempts: 3, due_at: AT }]);
  expect(asked).toEqual([{ tenant_id: TENANT, event_id: eventId, endpoint_id: endpointId }]);
  await answer({ redeliver: { kind: 'refused', code: 'unknown_delivery' } });
  const unknown = await post(`/v2/tenants/acme/deliveries/${id}/redeliver`);
  expect([unknown.status, unknown.json.code]).toEqual([404, 'unknown_delivery']);
  expect((await post('/v2/tenants/acme/deliveries/nothing/redeliver')).status).toBe(404);
});

test('a replay is a task with a place of its own', async () => {
  const replayId = randomUUIDv7();
  await answer({ replay: { kind: 'started', replay_id: replayId } });
  const { status, json, headers } = await replay({
    since: '2026-11-20T11:00:00+01:00',
    until: '2026-11-21T00:00:00Z',
    only: 'missed',
    types: ['job.failed'],
    dry_run: true,
  });
  const place = `${PATH}/${endpointId}/replays/${replayId}`;
  expect([status, headers.get('location')]).toEqual([202, place]);
  const links = { replay: place, cancel: `${place}/cancel` };
  expect(json).toEqual({
    replay_id: replayId,
    endpoint_id: endpointId,
    state: 'running',
    dry_run: true,
    links,
  });
  const request: WebhookRequest<'replay'> = {
    tenant_id: TENANT,
    endpoint_id: endpointId,
    since: AT,
    until: '2026-11-21T00:00:00.000Z',
    only: 'missed',
    types: ['job.failed'],
    dry_run: true,
  };
  expect(asked).toEqual([request]);
  await replay({ since: AT, only: 'all' });
  expect(asked[1]).toEqual({
    tenant_id: TENANT,
    endpoint_id: endpointId,
    since: AT,
    only: 'all',
    dry_run: false,
  });
});

test.each([
  [{ only: 'missed' }, '#/since'],
  [{ since: AT }, '#/only'],
  [{ since: AT, only: 'some' }, '#/only'],
  [{ since: 'yesterday', only: 'all' }, '#/since'],
  [{ since: '2100-01-01T00:00:00Z', only: 'all' }, '#/since'],
  [{ since: AT, until: AT, only: 'all' }, '#/until'],
  [{ since: AT, only: 'all', types: ['job.born'] }, '#/types/0'],
  [{ since: AT, only: 'all', dry_run: 'yes' }, '#/dry_run'],
])('the replay %j is 422 and starts nothing', async (body, pointer) => {
  await answer({ replay: { kind: 'started', replay_id: randomUUIDv7() } });
  const { status, json } = await replay(body);
  expect([status, json.errors.map((each: { pointer: string }) => each.pointer)]).toEqual([422, [pointer]]);
  expect(asked).toEqual([]);
});

test('a replay is canceled once', async () => {
  const place = `${PATH}/${endpointId}/replays/${randomUUIDv7()}/cancel`;
  await answer({ cancel_replay: { kind: 'canceled' } });
  expect([(await post(place)).status, (await post(place)).json.state]).toEqual([200, 'canceled']);
  await answer({ cancel_replay: { kind: 'ended' } });
  expect([(await post(place)).status, (await post(place)).json.code]).toEqual([409, 'replay_ended']);
  await answer({ cancel_replay: { kind: 'refused', code: 'unknown_replay' } });
  expect([(await post(place)).status, (await post(place)).json.code]).toEqual([404, 'unknown_replay']);
  expect((await post(`${PATH}/${endpointId}/replays/nothing/cancel`)).json.code).toBe('unknown_replay');
});

test("another tenant's endpoints are neither tested nor replayed", async () => {
  await answer({});
  const token = (await gateway.createKey('other', 'stranger')).api_key;
  const theirs = `/v2/tenants/other/webhooks/${endpointId}`;
  expect((await post(`${theirs}/test`, undefined, token)).status).toBe(404);
  expect((await post(`${theirs}/replays`, { since: AT, only: 'all' }, token)).status).toBe(404);
  expect(asked).toEqual([]);
  expect((await post(`${PATH}/${endpointId}/test`, undefined, 'errand_unknown')).status).toBe(401);
});

async function storeReplay(deliveries: TestDeliveries, change: object) {
  const replay_id = randomUUIDv7();
  await deliveries.db
    .insertInto('webhook_replay')
    .values({
      replay_id,
      tenant_id: TENANT,
      endpoint_id: endpointId,
      since: AT,
      until: AT,
      which: 'missed',
      types: null,
      dry_run: false,
      state: 'done',
      phase: 'log',
      cursor: null,
      matched: 3,
      scheduled: 2,
      error: null,
      due_at: AT,
      created_at: AT,
      updated_at: AT,
      ...change,
    })
    .execute();
  return replay_id;
}

test('replays are read back, newest first', async () => {
  const list = () => gateway.call(`${PATH}/${endpointId}/replays`);
  expect((await list()).json.code).toBe('database_unavailable');
  await using deliveries = await openDeliveries(gateway);
  expect((await list()).json).toEqual({ replays: [] });
  const first = await storeReplay(deliveries, {});
  // Ids of one millisecond have no order.
  const storedMs = Date.now();
  await waitUntil(() => Date.now() > storedMs, { intervalMs: 1 });
  const second = await storeReplay(deliveries, { state: 'failed', error: 'unknown_endpoint' });
  const { json } = await list();
  expect(json.replays).toMatchObject([
    { replay_id: second, state: 'failed', error: 'unknown_endpoint' },
    { replay_id: first, state: 'done', only: 'missed', matched: 3, scheduled: 2, since: AT, created_at: AT },
  ]);
  expect((await gateway.call(`${PATH}/${endpointId}/replays/${first}`)).json).toEqual(json.replays[1]);
  const token = (await gateway.createKey('other', 'stranger')).api_key;
  const theirs = `/v2/tenants/other/webhooks/${endpointId}/replays`;
  for (const path of [theirs, `${theirs}/${first}`]) {
    expect((await gateway.call(path, { token })).status).toBe(404);
  }
  for (const id of ['nothing', randomUUIDv7()]) {
    expect((await gateway.call(`${PATH}/${endpointId}/replays/${id}`)).json.code).toBe('unknown_replay');
  }
});
