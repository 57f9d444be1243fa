import { JobSummary, type RunAccepted } from '@errand/contracts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ADMIN_KEY, RUN_PATH, STARTED, startTestGateway, TENANT, type TestGateway } from './gateway.ts';
import { openReadModel } from './read-model.ts';

const LIST = '/v2/tenants/acme/jobs';

let gateway: TestGateway;
let readModel: ReturnType<typeof openReadModel>;
/** Requested one after the other, oldest first. */
const jobs: RunAccepted[] = [];

beforeAll(async () => {
  gateway = await startTestGateway();
  readModel = openReadModel(gateway);
});

afterAll(async () => {
  await readModel?.[Symbol.asyncDispose]();
  await gateway[Symbol.asyncDispose]();
});

const list = (search = '') => gateway.call(LIST + search);
const idsOf = async (search: string) =>
  (await list(search)).json.jobs.map(({ job_id }: { job_id: string }) => job_id);
const idsAt = (...places: number[]) => places.map((place) => jobs[place]?.job_id);

test('without a read model the list is 503 with a time to come again', async () => {
  const answer = await list();
  expect([answer.status, answer.json.code, answer.headers.get('retry-after')]).toEqual([
    503,
    'database_unavailable',
    '2',
  ]);
});

test("a tenant's jobs are listed as summaries, newest first", async () => {
  await readModel.migrate();
  for (let place = 0; place < 6; place++) {
    const metadata = { order: String(place % 2), 'a.b': 'x' };
    jobs.push((await gateway.call(RUN_PATH, { body: { tilt_deg: place, _job: { metadata } } })).json);
  }
  const [first, second, third] = jobs;
  await gateway.call(first?.links.cancel ?? '', { method: 'POST' });
  await gateway.append(second?.job_id ?? '', second?.version ?? 0, STARTED);
  for (const { job_id } of jobs) await readModel.project(job_id);
  await readModel.project(third?.job_id ?? '', () => ({ request: 'null', created_at: null }));
  const answer = await list();
  expect(answer.status).toBe(200);
  expect(answer.json.next_cursor).toBeNull();
  const listed: JobSummary[] = answer.json.jobs.map((job: unknown) => JobSummary.parse(job));
  expect(listed.map(({ job_id }) => job_id)).toEqual(idsAt(5, 4, 3, 1, 0));
  expect(listed[4]).toEqual((await gateway.call(first?.links.job ?? '')).json);
});

test('jobs are picked by status, action, source and metadata', async () => {
  expect(await idsOf('?status=canceled')).toEqual(idsAt(0));
  expect(await idsOf('?status=canceled,running')).toEqual(idsAt(1, 0));
  expect(await idsOf('?action=simulate&source=api&status=running')).toEqual(idsAt(1));
  expect(await idsOf('?action=paint')).toEqual([]);
  expect(await idsOf('?source=retry')).toEqual([]);
  expect(await idsOf('?metadata.order=1')).toEqual(idsAt(5, 3, 1));
  expect(await idsOf('?metadata.order=1&metadata.a.b=x&status=queued')).toEqual(idsAt(5, 3));
  expect(await idsOf('?metadata.order=2')).toEqual([]);
  expect(await idsOf('?metadata.no=1')).toEqual([]);
});

test('jobs are found by the beginning of their id, a value of their metadata, and an error code', async () => {
  const failed = jobs[4]?.job_id ?? '';
  await readModel.project(failed, () => ({ error_code: 'too_steep' }));
  expect(await idsOf('?q=too_steep')).toEqual([failed]);
  expect(await idsOf(`?q=${failed.toUpperCase()}`)).toEqual([failed]);
  expect(await idsOf(`?q=${failed.slice(0, -1)}`)).toContain(failed);
  expect(await idsOf('?q=1&metadata.a.b=x')).toEqual(idsAt(5, 3, 1));
  expect(await idsOf('?q=order')).toEqual([]);
  expect(await idsOf('?q=%25')).toEqual([]);
  const wrong = await list('?q=');
  expect([wrong.status, wrong.json.errors[0].parameter]).toEqual([422, 'q']);
});

test('a key for some jobs lists these', async () => {
  const listed = async (about: object, search = '') => {
    const path = `/admin/tenants/${TENANT}/keys`;
    const made = await gateway.call(path, { token: ADMIN_KEY, body: { name: 'some', ...about } });
    const { json } = await gateway.call(LIST + search, { token: made.json.api_key });
    return json.jobs.map(({ job_id }: { job_id: string }) => job_id);
  };
  expect(await listed({ metadata_filter: { order: '1' } })).toEqual(idsAt(5, 3, 1));
  expect(await listed({ metadata_filter: { order: '1' } }, '?metadata.order=0')).toEqual([]);
  expect(await listed({ actions: ['simulate'] })).toEqual(idsAt(5, 4, 3, 1, 0));
  expect(await listed({ actions: ['paint'] })).toEqual([]);
  expect(await listed({ actions: ['paint'] }, '?action=simulate')).toEqual([]);
  expect(await listed({ actions: [] })).toEqual([]);
});

test('jobs are picked by the time of their request', async () => {
  const at = (shiftMs: number) => new Date(Date.now() + shiftMs).toISOString();
  expect((await idsOf(`?created_after=${at(-60_000)}`)).length).toBe(5);
  expect(await idsOf(`?created_after=${at(60_000)}`)).toEqual([]);
  expect(await idsOf(`?created_before=${at(-60_000)}`)).toEqual([]);
  expect((await idsOf(`?created_before=${at(60_000)}&limit=200`)).length).toBe(5);
});

test('pages follow each other by their cursors, also while jobs are added', async () => {
  const first = await list('?limit=2');
  expect(first.json.next_cursor).toMatch(/^[\w-]{22}$/);
  const { json: added } = await gateway.call(RUN_PATH, { body: { tilt_deg: 1 } });
  await readModel.project(added.job_id);
  const second = await list(`?limit=2&cursor=${first.json.next_cursor}`);
  const third = await list(`?limit=2&cursor=${second.json.next_cursor}`);
  const pages = [first, second, third].map(({ json }) =>
    json.jobs.map(({ job_id }: { job_id: string }) => job_id),
  );
  expect(pages).toEqual([idsAt(5, 4), idsAt(3, 1), idsAt(0)]);
  expect(third.json.next_cursor).toBeNull();
  await readModel.db.deleteFrom('job_summary').where('job_id', '=', added.job_id).execute();
});

test('a page of large results ends early and goes on behind its cursor', async () => {
  const large = JSON.stringify('x'.repeat(5_000_000));
  for (const job of jobs.slice(3)) await readModel.project(job.job_id, () => ({ result: large }));
  const first = await list();
  expect(first.json.jobs.length).toBe(1);
  const second = await list(`?cursor=${first.json.next_cursor}`);
  expect(second.json.jobs[0].job_id).toBe(jobs[4]?.job_id);
  for (const job of jobs.slice(3)) await readModel.project(job.job_id);
});

test('a fault of the data is not reported as a database that is away', async () => {
  const [first] = jobs;
  const request = '{"resource":{},"metadata":{"order":"\\ud800"},"source":"api","requested_by":"x"}';
  await readModel.project(first?.job_id ?? '', () => ({ request }));
  const answer = await list('?metadata.order=0');
  expect([answer.status, answer.json.code]).toEqual([500, 'internal_error']);
  await readModel.project(first?.job_id ?? '');
});

test('jobs of other tenants and expired ones are not listed', async () => {
  const { api_key } = await gateway.createKey('other', 'stranger');
  expect((await gateway.call('/v2/tenants/other/jobs', { token: api_key })).json.jobs).toEqual([]);
  expect((await gateway.call(LIST, { token: api_key })).status).toBe(404);
  gateway.shiftMs = 8 * 86_400_000;
  try {
    expect(await idsOf('')).toEqual([]);
  } finally {
    gateway.shiftMs = 0;
  }
});

test('422 names each wrong parameter', async () => {
  const answer = await list('?status=done&limit=0&cursor=x&colour=red');
  expect(answer.status).toBe(422);
  expect(answer.json.errors.map(({ parameter }: { parameter: string }) => parameter).sort()).toEqual([
    'colour',
    'cursor',
    'limit',
    'status',
  ]);
});

test('a filter finds a job whatever its texts hold', async () => {
  for (const text of ['\\u0000', '\\ud800', '\\', '"', '\u2028', '__proto__', '{}', '%', '']) {
    const path = RUN_PATH.replace('d-1', encodeURIComponent(text || 'd-1'));
    const made = await gateway.call(path, {
      body: { tilt_deg: 1, _job: { metadata: { odd: text, __other: text } } },
    });
    await readModel.project(made.json.job_id);
    expect(await idsOf(`?metadata.odd=${encodeURIComponent(text)}`)).toEqual([made.json.job_id]);
  }
});
