import { randomUUIDv7 } from 'node:crypto';
import type { RunAccepted } from '@errand/contracts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ADMIN_KEY, RUN_PATH, STARTED, startTestGateway, TENANT, type TestGateway } from './gateway.ts';
import { openReadModel } from './read-model.ts';

const STATS = `/v2/tenants/${TENANT}/stats`;
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
/** An hour that began two to three hours ago. */
const BASE = Math.floor(Date.now() / HOUR_MS) * HOUR_MS - 2 * HOUR_MS;
const at = (minutes: number) => new Date(BASE + minutes * MINUTE_MS).toISOString();
const NOTHING = {
  ...{ requested: 0, succeeded: 0, failed: 0, canceled: 0, expired: 0 },
  ...{ queue_wait_ms: null, run_ms: null },
};

let gateway: TestGateway;
let readModel: ReturnType<typeof openReadModel>;
beforeAll(async () => {
  gateway = await startTestGateway();
  readModel = openReadModel(gateway);
});
afterAll(async () => {
  await readModel?.[Symbol.asyncDispose]();
  await gateway[Symbol.asyncDispose]();
});

async function get(parameters: Record<string, string> = {}, options = {}) {
  return gateway.call(`${STATS}?${new URLSearchParams(parameters)}`, options);
}

/** Of minutes since BASE. */
async function count(minutes: number, fact: 'requested' | 'started' | 'succeeded' | 'failed', about = {}) {
  const row = { tenant_id: TENANT, at: at(minutes), action: 'simulate', fact, bin: 0, jobs: 1, ...about };
  await readModel.db.insertInto('job_stats').values(row).execute();
}

test('without a read model it is 503 with a time to come again', async () => {
  const answer = await get();
  expect([answer.status, answer.json.code, answer.headers.get('retry-after')]).toEqual([
    503,
    'database_unavailable',
    '2',
  ]);
});

test('where nothing happened every step says so', async () => {
  await readModel.migrate();
  const { status, json } = await get({ from: at(0), to: at(3) });
  expect(status).toBe(200);
  expect(json).toEqual({
    from: at(0),
    to: at(3),
    step: 'minute',
    now: { queued: 0, running: 0, oldest_queued_at: null, by_action: [] },
    series: [0, 1, 2].map((minutes) => ({ at: at(minutes), ...NOTHING })),
    totals: NOTHING,
    errors: [],
  });
});

test('steps have what happened in them, and percentiles of the whole range are not averages', async () => {
  await count(0, 'requested', { jobs: 4 });
  await count(0, 'started', { bin: 1, jobs: 3 });
  await count(1, 'started', { bin: 20, jobs: 1 });
  await count(1, 'succeeded', { bin: 3, jobs: 2 });
  await count(1, 'failed', { bin: -1, jobs: 1 });
  await count(59, 'succeeded', { action: 'paint', bin: 5, jobs: 1 });
  await count(0, 'requested', { tenant_id: 'other', jobs: 100 });
  const minutes = (await get({ from: at(0), to: at(2) })).json;
  expect(minutes.series).toEqual([
    { ...NOTHING, at: at(0), requested: 4, queue_wait_ms: { p50: 1, p95: 1, p99: 1 } },
    {
      ...{ ...NOTHING, at: at(1), succeeded: 2, failed: 1 },
      ...{ queue_wait_ms: { p50: 1535, p95: 1535, p99: 1535 }, run_ms: { p50: 3, p95: 3, p99: 3 } },
    },
  ]);
  expect(minutes.totals).toMatchObject({
    requested: 4,
    queue_wait_ms: { p50: 1, p95: 1535, p99: 1535 },
  });
  const hours = (await get({ from: at(0), to: at(-1) })).json;
  expect(hours.code).toBe('invalid_input');
  const day = (await get({ from: at(-24 * 60) })).json;
  expect([day.step, day.from]).toEqual(['hour', at(-24 * 60)]);
  const hour = day.series.find((each: { at: string }) => each.at === at(0));
  expect(hour).toMatchObject({ requested: 4, succeeded: 3, failed: 1 });
  expect((await get({ from: at(-24 * 60), action: 'paint' })).json.totals).toMatchObject({ succeeded: 1 });
});

const jobs: RunAccepted[] = [];

test('the jobs that have not ended are counted as the read model has them', async () => {
  for (let each = 0; each < 4; each++) {
    jobs.push((await gateway.call(RUN_PATH, { body: { tilt_deg: each } })).json);
  }
  const [oldest, second] = jobs;
  await gateway.append(second?.job_id ?? '', second?.version ?? 0, STARTED);
  for (const { job_id } of jobs) await readModel.project(job_id);
  const summary = (await gateway.call(oldest?.links.job ?? '')).json;
  expect((await get()).json.now).toEqual({
    queued: 3,
    running: 1,
    oldest_queued_at: summary.created_at,
    by_action: [{ action: 'simulate', queued: 3, running: 1 }],
  });
  expect((await get({ action: 'paint' })).json.now).toMatchObject({ queued: 0, oldest_queued_at: null });
});

test('failures are told by action and code, with what the last one says', async () => {
  const [sample] = jobs;
  const errors = JSON.stringify([{ code: 'broken', message: 'The roof is too steep.' }]);
  await readModel.project(sample?.job_id ?? '', () => ({ status: 'failed', errors }));
  const failed = (minutes: number, code: string, about: object) => {
    const row = { tenant_id: TENANT, at: at(minutes), action: 'simulate', code, jobs: 1 };
    const times = { first_seen: at(minutes), last_seen: at(minutes), sample_job_id: randomUUIDv7() };
    return readModel.db
      .insertInto('job_failures')
      .values({ ...row, ...times, ...about })
      .execute();
  };
  await failed(-300, 'broken', { jobs: 9 });
  await failed(3, 'broken', { jobs: 2 });
  await failed(5, 'broken', { jobs: 3, sample_job_id: sample?.job_id });
  await failed(5, 'gone', {});
  await failed(-400, 'only before', {});
  const { json } = await get({ from: at(0), to: at(60) });
  const common = { action: 'simulate', last_seen: at(5) };
  expect(json.errors).toEqual([
    {
      ...{ ...common, code: 'broken', detail: 'The roof is too steep.', count: 5 },
      ...{ first_seen: at(-300), sample_job_id: sample?.job_id },
    },
    {
      ...{ ...common, code: 'gone', detail: null, count: 1 },
      ...{ first_seen: at(5), sample_job_id: expect.any(String) },
    },
  ]);
});

test('a key for some actions sees these, and one for some jobs is refused', async () => {
  const keyFor = async (about: object) => {
    const path = `/admin/tenants/${TENANT}/keys`;
    const { json } = await gateway.call(path, { token: ADMIN_KEY, body: { name: 'some', ...about } });
    return json.api_key as string;
  };
  const range = { from: at(0), to: at(60) };
  const paint = await get(range, { token: await keyFor({ actions: ['paint'] }) });
  expect(paint.json).toMatchObject({
    totals: { requested: 0, succeeded: 1 },
    now: { queued: 0 },
    errors: [],
  });
  const other = await get({ ...range, action: 'simulate' }, { token: await keyFor({ actions: ['paint'] }) });
  expect(other.json.totals).toEqual(NOTHING);
  const some = await get(range, { token: await keyFor({ metadata_filter: { order: '1' } }) });
  expect([some.status, some.json.code]).toEqual([403, 'forbidden']);
  const feedOnly = await get(range, { token: await keyFor({ scopes: ['feed:read'] }) });
  expect(feedOnly.status).toBe(403);
  const child = await gateway.call(`/v2/tenants/${TENANT}/tokens`, {
    body: { scopes: ['jobs:read'], job_id: jobs[0]?.job_id },
  });
  expect((await get(range, { token: child.json.token })).status).toBe(403);
});

test('422 names each wrong parameter', async () => {
  const answer = await get({ from: 'x', to: at(-60 * 24 * 9), action: 'No', step: 'day' });
  expect(answer.status).toBe(422);
  expect(answer.json.errors.map(({ parameter }: { parameter: string }) => parameter).sort()).toEqual([
    'action',
    'from',
    'step',
  ]);
});
