import { randomUUIDv7 } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openDeliveries, type TestDeliveries } from './deliveries.ts';
import { RUN_PATH, startTestGateway, type TestGateway } from './gateway.ts';

const TENANT_PATH = '/v2/tenants/acme';
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const GONE = `whe_${'a'.repeat(32)}`;
const OWN = `whj_${'b'.repeat(24)}`;
let gateway: TestGateway;
let deliveries: TestDeliveries;
let strangersToken = '';

beforeAll(async () => {
  gateway = await startTestGateway();
  strangersToken = (await gateway.createKey('other', 'stranger')).api_key;
});

afterAll(async () => {
  await deliveries?.[Symbol.asyncDispose]();
  await gateway[Symbol.asyncDispose]();
});

const listPath = (endpointId: string) => `${TENANT_PATH}/webhooks/${endpointId}/deliveries`;
const list = (endpointId: string, search = '') => gateway.call(listPath(endpointId) + search);
const eventsOf = (answer: { json: { deliveries: { event_id: string }[] } }) =>
  answer.json.deliveries.map(({ event_id }) => event_id);
const createEndpoint = async (): Promise<string> =>
  (await gateway.call(`${TENANT_PATH}/webhooks`, { body: { url: 'https://example.com' } })).json.endpoint_id;
/** An event id of some time ago. */
const idAgo = (ms: number) => {
  const hex = (Date.now() - ms).toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}${randomUUIDv7().slice(13)}`;
};

test('without the tables the delivery log is 503 with a time to come again', async () => {
  const endpointId = await createEndpoint();
  const paths = [
    listPath(endpointId),
    listPath(GONE),
    `${TENANT_PATH}/deliveries`,
    `${TENANT_PATH}/deliveries/${randomUUIDv7()}.${GONE}`,
    `${TENANT_PATH}/jobs/${randomUUIDv7()}/deliveries`,
  ];
  for (const path of paths) {
    const { status, json, headers } = await gateway.call(path);
    expect([status, json.code, headers.get('retry-after')]).toEqual([503, 'database_unavailable', '2']);
  }
});

test('a delivery is shown as it is, by itself and in the list of its endpoint', async () => {
  deliveries = await openDeliveries(gateway);
  const endpointId = await createEndpoint();
  expect((await list(endpointId)).json).toEqual({ deliveries: [], next_cursor: null });
  const jobId = randomUUIDv7();
  const due = new Date(Date.now() + 5_000).toISOString();
  const expires = new Date(Date.now() + DAY_MS).toISOString();
  const delivery = { state: 'pending' as const, attempts: 2, due_at: due, expires_at: expires };
  const eventId = await deliveries.deliver(endpointId, { delivery, message: { job_id: jobId } });
  const { json } = await gateway.call(`${TENANT_PATH}/deliveries/${eventId}.${endpointId}`);
  expect(json).toEqual({
    delivery_id: `${eventId}.${endpointId}`,
    event_id: eventId,
    endpoint_id: endpointId,
    job_id: jobId,
    action: 'simulate',
    type: 'job.succeeded',
    status: 'pending',
    attempts: 2,
    next_attempt_at: due,
    expires_at: expires,
    url: null,
    created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]{12}Z$/),
    updated_at: expect.any(String),
  });
  expect(Math.abs(Date.parse(json.created_at) - Date.now())).toBeLessThan(HOUR_MS);
  expect((await list(endpointId)).json).toEqual({ deliveries: [json], next_cursor: null });
});

test('what has ended has no next attempt', async () => {
  const eventId = await deliveries.deliver(GONE, { delivery: { state: 'failed' } });
  const { json } = await gateway.call(`${TENANT_PATH}/deliveries/${eventId}.${GONE}`);
  expect(json).toMatchObject({ status: 'failed', next_attempt_at: null });
});

test('deliveries to an endpoint that was deleted, and those of a job itself, are listed as before', async () => {
  expect((await list(GONE)).json.deliveries).toMatchObject([{ endpoint_id: GONE }]);
  const url = 'https://hooks.example.com/of-a-run';
  const eventId = await deliveries.deliver(OWN, { delivery: { url } });
  expect((await list(OWN)).json.deliveries).toMatchObject([{ event_id: eventId, url }]);
});

test('pages follow each other by their cursors, newest first, over days', async () => {
  const endpointId = await createEndpoint();
  const ids: string[] = [];
  for (const age of [3 * DAY_MS, DAY_MS, DAY_MS - 1, HOUR_MS, 1]) ids.unshift(idAgo(age));
  for (const event_id of ids) await deliveries.deliver(endpointId, { delivery: { event_id } });
  const first = await list(endpointId, '?limit=2');
  expect(first.json.next_cursor).toMatch(/^[\w-]{22}$/);
  await deliveries.deliver(endpointId);
  const second = await list(endpointId, `?limit=2&cursor=${first.json.next_cursor}`);
  const third = await list(endpointId, `?limit=2&cursor=${second.json.next_cursor}`);
  expect([first, second, third].map(eventsOf)).toEqual([ids.slice(0, 2), ids.slice(2, 4), ids.slice(4)]);
  expect(third.json.next_cursor).toBeNull();
});

test('deliveries are picked by status, type, job and time', async () => {
  const endpointId = await createEndpoint();
  const jobId = randomUUIDv7();
  const old = await deliveries.deliver(endpointId, { delivery: { event_id: idAgo(2 * DAY_MS) } });
  const failed = await deliveries.deliver(endpointId, {
    delivery: { state: 'failed' },
    message: { job_id: jobId, type: 'job.failed' },
  });
  const news = { job_id: null, action: null, status: null, type: 'webhook.failing' };
  const told = await deliveries.deliver(endpointId, { message: news });
  const pick = async (search: string) => eventsOf(await list(endpointId, search));
  expect(await pick('')).toEqual([told, failed, old]);
  expect(await pick('?status=failed')).toEqual([failed]);
  expect(await pick('?status=delivered,failed&type=job.succeeded,job.failed')).toEqual([failed, old]);
  expect(await pick('?type=webhook.failing')).toEqual([told]);
  expect(await pick('?status=expired')).toEqual([]);
  expect(await pick(`?job_id=${jobId}`)).toEqual([failed]);
  expect(await pick(`?job_id=${jobId}&status=delivered`)).toEqual([]);
  expect(await pick(`?job_id=${jobId}&type=job.failed&limit=1`)).toEqual([failed]);
  const yesterday = new Date(Date.now() - DAY_MS).toISOString();
  expect(await pick(`?since=${yesterday}`)).toEqual([told, failed]);
  expect(await pick(`?until=${yesterday}`)).toEqual([old]);
  expect(await pick(`?until=${yesterday}&job_id=${jobId}`)).toEqual([]);
});

test('a page that looked through its fill without finding enough goes on behind it', async () => {
  const endpointId = await createEndpoint();
  const rare = await deliveries.deliver(endpointId, { message: { type: 'job.canceled' } });
  await deliveries.fill(endpointId, 5_000);
  const first = await list(endpointId, '?type=job.canceled');
  expect(first.json).toMatchObject({ deliveries: [], next_cursor: expect.any(String) });
  const second = await list(endpointId, `?type=job.canceled&cursor=${first.json.next_cursor}`);
  expect(eventsOf(second)).toEqual([rare]);
  expect(second.json.next_cursor).toBeNull();
});

test('what did not succeed is found without looking through what did, however much that is', async () => {
  const endpointId = await createEndpoint();
  const failed = await deliveries.deliver(endpointId, { delivery: { state: 'failed' } });
  const expired = await deliveries.deliver(endpointId, { delivery: { state: 'expired' } });
  await deliveries.fill(endpointId, 5_000);
  for (const [search, found] of [
    ['?status=failed', [failed]],
    ['?status=expired,failed', [expired, failed]],
    ['?status=failed,expired,canceled&type=job.succeeded', [expired, failed]],
  ] as const) {
    const page = await list(endpointId, search);
    expect([eventsOf(page), page.json.next_cursor]).toEqual([found, null]);
  }
  const first = await list(endpointId, '?status=expired,failed&limit=1');
  expect(eventsOf(first)).toEqual([expired]);
  const second = await list(endpointId, `?status=expired,failed&cursor=${first.json.next_cursor}`);
  expect(eventsOf(second)).toEqual([failed]);
});

const TENANT_LIST = `${TENANT_PATH}/deliveries`;
const listAll = (search = '') => gateway.call(TENANT_LIST + search);
const idsOf = (answer: { json: { deliveries: { delivery_id: string }[] } }) =>
  answer.json.deliveries.map(({ delivery_id }) => delivery_id);

test("a tenant's deliveries are listed over all endpoints, and a page may end between two of one event", async () => {
  const [first, second, third] = [
    await createEndpoint(),
    await createEndpoint(),
    await createEndpoint(),
  ].sort();
  const [older = '', newer = ''] = [randomUUIDv7(), randomUUIDv7()].sort();
  for (const endpointId of [third, first, second] as string[]) {
    for (const event_id of [newer, older]) await deliveries.deliver(endpointId, { delivery: { event_id } });
  }
  const expected = [newer, older].flatMap((event) => [first, second, third].map((to) => `${event}.${to}`));
  expect(idsOf(await listAll('?limit=6'))).toEqual(expected);
  for (const limit of [1, 2, 4, 5]) {
    const walked: string[] = [];
    for (let search = `?limit=${limit}`; walked.length < expected.length; ) {
      const page = await listAll(search);
      expect(page.json.deliveries).toHaveLength(limit);
      walked.push(...idsOf(page));
      search = `?limit=${limit}&cursor=${page.json.next_cursor}`;
    }
    expect(walked.slice(0, expected.length)).toEqual(expected);
  }
});

test("a tenant's deliveries are picked by endpoint, status, type, job and time", async () => {
  const [one, two] = [await createEndpoint(), await createEndpoint()];
  const job_id = randomUUIDv7();
  const failed = await deliveries.deliver(one, {
    delivery: { state: 'failed' },
    message: { job_id, type: 'job.failed' },
  });
  await deliveries.deliver(two, { delivery: { event_id: failed } });
  const told = await deliveries.deliver(two, { message: { type: 'webhook.failing', job_id: null } });
  const pick = async (search: string) => idsOf(await listAll(search));
  expect((await pick('?limit=3')).slice(0, 3)).toEqual([
    `${told}.${two}`,
    ...[one, two].sort().map((to) => `${failed}.${to}`),
  ]);
  expect((await pick('?status=failed'))[0]).toBe(`${failed}.${one}`);
  expect((await pick('?status=failed,delivered&limit=1'))[0]).toBe(`${told}.${two}`);
  expect((await pick('?type=webhook.failing'))[0]).toBe(`${told}.${two}`);
  expect(await pick(`?endpoint_id=${one}`)).toEqual([`${failed}.${one}`]);
  expect(await pick(`?endpoint_id=${two}`)).toEqual([`${told}.${two}`, `${failed}.${two}`]);
  expect(await pick(`?endpoint_id=${two}&limit=1&type=job.failed`)).toEqual([`${failed}.${two}`]);
  expect(await pick(`?job_id=${job_id}`)).toEqual([one, two].sort().map((to) => `${failed}.${to}`));
  expect(await pick(`?job_id=${job_id}&endpoint_id=${two}`)).toEqual([`${failed}.${two}`]);
  const [cursor] = [(await listAll(`?job_id=${job_id}&limit=1`)).json.next_cursor];
  expect(await pick(`?job_id=${job_id}&cursor=${cursor}`)).toEqual([`${failed}.${[one, two].sort()[1]}`]);
  const later = new Date(Date.now() + HOUR_MS).toISOString();
  expect(await pick(`?since=${later}`)).toEqual([]);
  expect((await pick(`?until=${later}&limit=1`))[0]).toBe(`${told}.${two}`);
  expect(await pick(`?endpoint_id=whe_${'0'.repeat(32)}`)).toEqual([]);
  for (const wrong of ['?endpoint_id=x', '?cursor=x', '?status=x', '?colour=red']) {
    expect((await listAll(wrong)).status).toBe(422);
  }
});

test("a page of a tenant's deliveries looks through so many, and goes on behind them", async () => {
  const [one, two] = [await createEndpoint(), await createEndpoint()];
  const rare = await deliveries.deliver(one, { message: { type: 'job.expired' } });
  const unsent = await deliveries.deliver(one, { delivery: { state: 'canceled' } });
  await deliveries.fill(two, 5_000);
  const first = await listAll('?type=job.expired');
  expect(first.json).toMatchObject({ deliveries: [], next_cursor: expect.any(String) });
  expect(idsOf(await listAll(`?type=job.expired&cursor=${first.json.next_cursor}`))).toEqual([
    `${rare}.${one}`,
  ]);
  expect(idsOf(await listAll('?status=canceled'))).toEqual([`${unsent}.${one}`]);
});

test("another tenant's deliveries are in no list", async () => {
  const foreign = await deliveries.deliver(GONE, {
    delivery: { tenant_id: 'other', endpoint_id: `whe_${'f'.repeat(32)}`, state: 'failed' },
    message: { tenant_id: 'other', job_id: randomUUIDv7() },
  });
  const seen = async (search: string) => eventsOf(await listAll(search)).includes(foreign);
  for (const search of ['', '?status=failed', `?endpoint_id=whe_${'f'.repeat(32)}`]) {
    expect(await seen(search)).toBe(false);
  }
  const own = await gateway.call('/v2/tenants/other/deliveries', { token: strangersToken });
  expect(eventsOf(own)).toEqual([foreign]);
});

test('attempts are shown newest first, as they were stored', async () => {
  const eventId = await deliveries.deliver(GONE);
  await deliveries.attempt(eventId, GONE, { status: null, error_code: 'timeout', response: null });
  await deliveries.attempt(eventId, GONE, { attempt: 2, trigger: 'manual' });
  const { json } = await gateway.call(`${TENANT_PATH}/deliveries/${eventId}.${GONE}/attempts`);
  expect(json.attempts).toMatchObject([
    { number: 2, trigger: 'manual', status: 200, error_code: null, response: 'ok' },
    { number: 1, trigger: 'auto', status: null, error_code: 'timeout', response: null, duration_ms: 7 },
  ]);
  expect(json.attempts[0].request_headers).toEqual({ 'x-key': '[redacted]' });
});

test("a job's deliveries are listed, and none of a job that has told nobody yet", async () => {
  const { json: job } = await gateway.call(RUN_PATH, { body: { tilt_deg: 1 } });
  const path = `${TENANT_PATH}/jobs/${job.job_id}/deliveries`;
  expect((await gateway.call(path)).json).toEqual({ deliveries: [] });
  const eventId = await deliveries.deliver(GONE, { message: { job_id: job.job_id } });
  await deliveries.deliver(OWN, {
    delivery: { event_id: eventId, url: 'https://example.com' },
    message: { job_id: job.job_id },
  });
  const { json } = await gateway.call(path);
  expect(json.deliveries.map(({ endpoint_id }: { endpoint_id: string }) => endpoint_id)).toEqual([GONE, OWN]);
  expect((await gateway.call(`${TENANT_PATH}/jobs/${randomUUIDv7()}/deliveries`)).status).toBe(404);
  expect((await gateway.call(`${TENANT_PATH}/jobs/nothing/deliveries`)).status).toBe(422);
  expect((await gateway.call(`${TENANT_PATH}/jobs/${idAgo(8 * DAY_MS)}/deliveries`)).status).toBe(410);
});

test("another tenant's deliveries are not there", async () => {
  const jobId = randomUUIDv7();
  const eventId = await deliveries.deliver(GONE, { message: { job_id: jobId } });
  const paths = [
    `/v2/tenants/other/webhooks/${GONE}/deliveries`,
    `/v2/tenants/other/deliveries/${eventId}.${GONE}`,
    `/v2/tenants/other/deliveries/${eventId}.${GONE}/attempts`,
    `/v2/tenants/other/jobs/${jobId}/deliveries`,
  ];
  for (const path of paths) {
    expect((await gateway.call(path.replace('other', 'acme'))).status).toBe(200);
    expect((await gateway.call(path, { token: strangersToken })).status).toBe(404);
    expect((await gateway.call(path, { token: null })).status).toBe(401);
  }
});

test.each([
  'nothing',
  `${randomUUIDv7()}`,
  `x.${GONE}`,
  `${randomUUIDv7()}.job`,
  `${randomUUIDv7()}.${GONE}.x`,
])('there is no delivery %s', async (id) => {
  for (const rest of ['', '/attempts']) {
    const { status, json } = await gateway.call(`${TENANT_PATH}/deliveries/${id}${rest}`);
    expect([status, json.code]).toEqual([404, 'unknown_delivery']);
  }
});

test('an endpoint that never was is 404, and 422 names each wrong parameter', async () => {
  for (const id of [`whe_${'0'.repeat(32)}`, 'job', 'x%00']) {
    expect((await list(id)).json.code).toBe('unknown_endpoint');
  }
  const answer = await list(GONE, '?status=done&type=job.born&job_id=1&since=x&limit=0&cursor=x&colour=red');
  expect(answer.status).toBe(422);
  const named = answer.json.errors.map(({ parameter }: { parameter: string }) => parameter).sort();
  expect(named).toEqual(['colour', 'cursor', 'job_id', 'limit', 'since', 'status', 'type']);
});
