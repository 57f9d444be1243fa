import { connectionOf } from '@errand/bus/testing';
import { BUCKETS, type BucketName, bucketStream, Tenant } from '@errand/contracts';
import { waitUntil } from '@errand/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ADMIN_KEY, RUN_PATH, startTestGateway, type TestGateway } from './gateway.ts';

/* Limits of tenants, as a gateway knows them; `tests/e2e/tenants.e2e.test.ts` has the scheduler count. */

let gateway: TestGateway;
/** What a scheduler would say of any tenant. */
let usage = { queued: 0, backlog_ms: 0 };
let room = 10;
let stopAnswering: () => void;

beforeAll(async () => {
  gateway = await startTestGateway();
  const refused = async () => ({ kind: 'refused' as const, code: 'invalid_request' as const, message: '' });
  stopAnswering = await gateway.bus.commands.answerScheduler(
    {
      announce: refused,
      withdraw: refused,
      waiting_jobs: refused,
      demand: refused,
      place: async () => ({ kind: 'place', place: { waits_for: 'turn', jobs_before: 7 } }),
      room: async () => ({ kind: 'room', jobs: room }),
      usage: async () => ({ kind: 'usage', ...usage }),
    },
    () => {},
  );
});
afterAll(async () => {
  stopAnswering?.();
  await gateway?.[Symbol.asyncDispose]();
});

const admin = (path: string, options = {}) => gateway.call(path, { token: ADMIN_KEY, ...options });

/** Sets limits of the tenant that runs here, and waits until they are in force. */
async function setLimits(limits: object): Promise<void> {
  expect((await admin('/admin/tenants/acme', { method: 'PUT', body: { limits } })).json.limits).toEqual(
    limits,
  );
}

const run = (options = {}) => gateway.call(RUN_PATH, { body: { tilt_deg: 3, ...options } });

/** The lane of a job's request. */
async function laneOf(jobId: string): Promise<string | undefined> {
  const nc = connectionOf(gateway.bus);
  const found = await nc.request(
    '$JS.API.STREAM.MSG.GET.JOBS',
    JSON.stringify({ last_by_subj: `jobs.acme.*.${jobId}.requested.>` }),
  );
  return found.json<{ message: { subject: string } }>().message.subject.split('.')[5];
}

/** How many writes a bucket has taken. */
async function writesOf(bucket: BucketName): Promise<number> {
  const found = await connectionOf(gateway.bus).request(`$JS.API.STREAM.INFO.${bucketStream(bucket)}`);
  return found.json<{ state: { last_seq: number } }>().state.last_seq;
}

test('limits are set as a whole, kept by a plain put, and listed', async () => {
  await admin('/admin/tenants/zulu', { method: 'PUT', body: { limits: { weight: 2, max_running: 3 } } });
  expect((await admin('/admin/tenants/zulu', { method: 'PUT' })).json.limits).toEqual({
    weight: 2,
    max_running: 3,
  });
  await admin('/admin/tenants/zulu', { method: 'PUT', body: { limits: { max_running: 4 } } });
  expect((await admin('/admin/tenants/zulu')).json).toMatchObject({
    tenant_id: 'zulu',
    limits: { max_running: 4 },
    paused: false,
  });
  await waitUntil(async () => {
    const { tenants, next_after } = (await admin('/admin/tenants?limit=1000')).json;
    return next_after === null && tenants.some(({ tenant_id }: Tenant) => tenant_id === 'zulu');
  });
  const first = (await admin('/admin/tenants?limit=1')).json;
  expect([first.tenants[0].tenant_id, first.next_after]).toEqual(['acme', 'acme']);
  const rest = (await admin('/admin/tenants?after=acme')).json.tenants;
  expect(rest.map(({ tenant_id }: Tenant) => tenant_id)).not.toContain('acme');
  for (const id of ['nobody', 'a.b', '%00']) {
    expect((await admin(`/admin/tenants/${id}`)).json.code).toBe('unknown_tenant');
    const paused = await admin(`/admin/tenants/${id}/pause`, { method: 'POST' });
    expect(paused.json.code).toBe('unknown_tenant');
  }
});

test.each([
  [{ limits: { max_running: 0 } }, '#/limits/max_running minimum'],
  [{ limits: { weight: 0 } }, '#/limits/weight minimum'],
  [{ limits: { max_runing: 1 } }, '#/limits/max_runing unknown_property'],
  [{ paused: true }, '#/paused unknown_property'],
])('a wrong limit is 422 and changes nothing: %j', async (body, expected) => {
  const answer = await admin('/admin/tenants/acme', { method: 'PUT', body });
  expect(answer.status).toBe(422);
  expect(`${answer.json.errors[0].pointer} ${answer.json.errors[0].code}`).toBe(expected);
});

test('no page is refused in silence', async () => {
  const answer = await admin('/admin/tenants?limit=0&after=a.b&x=1');
  expect(answer.json.errors.map(({ parameter }: { parameter: string }) => parameter)).toEqual([
    'limit',
    'after',
    'x',
  ]);
});

test('runs go directly while there is room, and are held otherwise', async () => {
  room = 10;
  expect(await laneOf((await run()).json.job_id)).toBe('fast');
  room = 0;
  const lanes = new Set<string | undefined>();
  await waitUntil(async () => lanes.add(await laneOf((await run()).json.job_id)).has('held'));
  room = 10;
  await waitUntil(async () => (await laneOf((await run()).json.job_id)) === 'fast');
});

test('runs of a tenant with a cap, or that is paused, are held', async () => {
  await setLimits({ max_running: 1 });
  await waitUntil(async () => (await laneOf((await run()).json.job_id)) === 'held');
  await setLimits({});
  expect((await admin('/admin/tenants/acme/pause', { method: 'POST' })).json.paused).toBe(true);
  await waitUntil(async () => (await laneOf((await run()).json.job_id)) === 'held');
  expect((await admin('/admin/tenants/acme/resume', { method: 'POST' })).json.paused).toBe(false);
  await waitUntil(async () => (await laneOf((await run()).json.job_id)) === 'fast');
});

test('a tenant with as many queued jobs as it may have gets 429, and nothing is requested', async () => {
  usage = { queued: 3, backlog_ms: 0 };
  await setLimits({ max_queued: 4 });
  const refused = await waitUntil(async () => {
    const answers = [await run(), await run()];
    return answers.find(({ status }) => status === 429);
  });
  expect(refused.json).toMatchObject({ code: 'too_many_queued', status: 429 });
  expect(refused.headers.get('retry-after')).toBe('5');
  const batch = await gateway.call(RUN_PATH.replace(/run$/, 'run-batch'), {
    body: { items: Array.from({ length: 5 }, () => ({ tilt_deg: 1 })) },
  });
  expect(batch.json.code).toBe('too_many_queued');
  await setLimits({});
});

test('a run that a limit refuses leaves no record of its Idempotency-Key, and one that was accepted is found', async () => {
  const keyed = (key: string) =>
    gateway.call(RUN_PATH, { body: { tilt_deg: 1 }, headers: { 'idempotency-key': key } });
  const first = await keyed('accepted');
  expect(first.status).toBe(202);
  usage = { queued: 4, backlog_ms: 0 };
  await setLimits({ max_queued: 4 });
  await waitUntil(async () => (await run()).status === 429);
  const before = await writesOf(BUCKETS.idempotency);
  const answers = await Promise.all(['a', 'b', 'c'].map(keyed));
  expect(answers.map(({ json }) => json.code)).toEqual(Array(3).fill('too_many_queued'));
  const batch = await gateway.call(RUN_PATH.replace(/run$/, 'run-batch'), {
    body: { items: [{ tilt_deg: 1 }] },
    headers: { 'idempotency-key': 'd' },
  });
  expect(batch.json.code).toBe('too_many_queued');
  expect(await writesOf(BUCKETS.idempotency)).toBe(before);
  const again = await keyed('accepted');
  expect([again.status, again.json.job_id]).toEqual([202, first.json.job_id]);
  await setLimits({});
});

test('a tenant that has used up its rate gets 429, with the time to come again', async () => {
  usage = { queued: 0, backlog_ms: 9_500 };
  await setLimits({ runs_per_second: 1, runs_burst: 10 });
  const refused = await waitUntil(async () => {
    const answer = await run();
    return answer.status === 429 ? answer : undefined;
  });
  expect(refused.json.code).toBe('too_many_runs');
  expect(refused.headers.get('ratelimit-policy')).toBe('"runs";q=10;w=10');
  expect(refused.headers.get('ratelimit')).toBe('"runs";r=0;t=1');
  expect(refused.headers.get('retry-after')).toBe('1');
  usage = { queued: 0, backlog_ms: 0 };
  const accepted = await waitUntil(async () => {
    const answer = await run();
    return answer.status === 202 ? answer : undefined;
  });
  expect(accepted.headers.get('ratelimit')).toMatch(/^"runs";r=\d;t=1$/);
  await setLimits({});
});

test('a tenant reads its own limits, and a key for some jobs does not learn how many there are', async () => {
  usage = { queued: 7, backlog_ms: 0 };
  await setLimits({ max_queued: 9, weight: 2 });
  const read = async (token?: string) =>
    (await gateway.call('/v2/tenants/acme/limits', token === undefined ? {} : { token })).json;
  await waitUntil(async () => (await read()).limits.max_queued === 9);
  expect(await read()).toEqual({
    limits: { max_queued: 9, weight: 2 },
    paused: false,
    actions: null,
    queued: 7,
  });
  const body = { name: 'some', scopes: [], actions: ['simulate'] };
  const made = await admin('/admin/tenants/acme/keys', { body });
  expect((await read(made.json.api_key)).queued).toBeNull();
  usage = { queued: 0, backlog_ms: 0 };
  await setLimits({});
});

test('a tenant has the limits of all, and of each kind its own one instead', async () => {
  await using another = await gateway.another({ tenantLimits: { max_queued: 5, weight: 3 } });
  const read = async () => {
    const headers = { authorization: `Bearer ${gateway.apiKey}` };
    const answer = await fetch(`${another.url}/v2/tenants/acme/limits`, { headers });
    return ((await answer.json()) as { limits: object }).limits;
  };
  await setLimits({ max_queued: 9 });
  await expect.poll(read).toEqual({ max_queued: 9, weight: 3 });
  await setLimits({});
  await expect.poll(read).toEqual({ max_queued: 5, weight: 3 });
  expect((await admin('/admin/tenants/acme')).json.limits).toEqual({});
});

test('a tenant that asks for the status of jobs too often gets 429, and may still run', async () => {
  const { links } = (await run()).json;
  await setLimits({ status_requests_per_second: 0.01 });
  const ask = () => gateway.call(links.status);
  const refused = await waitUntil(async () =>
    [await ask(), await ask()].find(({ status }) => status === 429),
  );
  expect([refused.json.code, refused.headers.get('ratelimit-policy')]).toEqual([
    'too_many_status_requests',
    '"status";q=1;w=100',
  ]);
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(90);
  expect((await gateway.call(links.job)).status).toBe(429);
  expect((await run()).status).toBe(202);
  await setLimits({});
});

test("a body above the tenant's limit is 413, and an endpoint beyond its number 409", async () => {
  await setLimits({ max_body_bytes: 20, webhook_endpoints: 0 });
  await waitUntil(async () => (await run({ _job: { metadata: { long: 'x'.repeat(50) } } })).status === 413);
  const { links } = (await run()).json;
  await gateway.call(links.cancel, { method: 'POST' });
  const input = { tilt_deg: 1, name: 'a long name indeed' };
  expect((await gateway.call(`${links.job}/retry`, { body: { input } })).status).toBe(413);
  const endpoint = await gateway.call('/v2/tenants/acme/webhooks', { body: { url: 'https://a.example/' } });
  expect(endpoint.json.code).toBe('too_many_endpoints');
  await setLimits({});
});

test('the status of a queued job says why it waits', async () => {
  const { links } = (await run()).json;
  expect((await gateway.call(links.status)).json.queue).toEqual({ waits_for: 'turn', jobs_before: 7 });
});

test('what was stored of a tenant before it had limits is read', async () => {
  const bucket = await gateway.bus.buckets.open(BUCKETS.tenants, Tenant);
  await bucket.put('old', { tenant_id: 'old', created_at: '2026-01-01T00:00:00.000Z' });
  await waitUntil(async () => (await admin('/admin/tenants/old')).status === 200);
  expect((await admin('/admin/tenants/old')).json).toMatchObject({ limits: {}, paused: false });
});

test('a tenant runs the actions of its list, all without one and none with an empty one', async () => {
  const set = (actions: string[] | null) =>
    admin('/admin/tenants/acme', { method: 'PUT', body: { actions } });
  await set([]);
  await waitUntil(async () => (await run()).json.code === 'unknown_action');
  await set(['simulate']);
  await waitUntil(async () => (await run()).status === 202);
  await set(['other']);
  const batch = () =>
    gateway.call(RUN_PATH.replace(/run$/, 'run-batch'), { body: { items: [{ tilt_deg: 1 }] } });
  await waitUntil(async () => (await batch()).json.code === 'unknown_action');
  expect((await set(null)).json.actions).toBeUndefined();
  await waitUntil(async () => (await run()).status === 202);
});

test('runs of a paused action are held until it goes on', async () => {
  const lane = async () => laneOf((await run()).json.job_id);
  expect((await admin('/admin/actions/simulate/pause', { method: 'POST' })).status).toBe(204);
  await waitUntil(async () => (await lane()) === 'held');
  expect((await admin('/admin/actions/simulate/resume', { method: 'POST' })).status).toBe(204);
  await waitUntil(async () => (await lane()) === 'fast');
  expect((await admin('/admin/actions/nothing/pause', { method: 'POST' })).json.code).toBe('unknown_action');
});
