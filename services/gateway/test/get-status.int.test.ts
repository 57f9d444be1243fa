import { ActionContract, BUCKETS, type JobFact, JobSummary } from '@errand/contracts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { RUN_PATH, SIMULATE, STARTED, SUCCEEDED, startTestGateway, type TestGateway } from './gateway.ts';
import { openReadModel } from './read-model.ts';

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startTestGateway();
});

afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
});

const run = async () => (await gateway.call(RUN_PATH, { body: { tilt_deg: 30 } })).json;

async function append(jobId: string, version: number, fact: JobFact) {
  const appended = await gateway.append(jobId, version, fact);
  if (appended === undefined) throw new Error('lost a race that nobody else runs');
  return appended;
}

const start = (jobId: string, version: number) => append(jobId, version, STARTED);
const succeed = (jobId: string, version: number) => append(jobId, version, SUCCEEDED);

test('a run is found at once, with no projection and no table', async () => {
  const accepted = await run();
  const answer = await gateway.call(accepted.links.status);
  expect(answer.status).toBe(200);
  expect(JobSummary.parse(answer.json)).toMatchObject({
    job_id: accepted.job_id,
    status: 'queued',
    version: accepted.version,
    attempt: { number: 0, max: 3, next_at: null },
    links: accepted.links,
    created_at: accepted.created_at,
  });
  expect(answer.headers.get('retry-after')).toBe('1');
  expect((await gateway.call(accepted.links.job)).json).toEqual(answer.json);
});

test('a thousand runs at once are each found by the status call that follows', async () => {
  const statuses = await Promise.all(
    Array.from({ length: 1_000 }, async () => (await gateway.call((await run()).links.status)).status),
  );
  expect(statuses.filter((status) => status !== 200)).toEqual([]);
});

test('the etag is the version: 304 while nothing happened, 200 once something has', async () => {
  const { job_id, links, version } = await run();
  const first = await gateway.call(links.status);
  const etag = first.headers.get('etag') ?? '';
  expect(etag).toBe(`W/"${version}"`);
  for (const known of [etag, `"x", ${etag}`, '*']) {
    const again = await gateway.call(links.status, { headers: { 'if-none-match': known } });
    expect([again.status, again.text, again.headers.get('etag')]).toEqual([304, '', etag]);
  }
  const started = await start(job_id, version);
  const later = await gateway.call(links.status, { headers: { 'if-none-match': etag } });
  expect([later.status, later.json.status, later.json.version]).toEqual([200, 'running', started]);
});

test('an ended job tells its result and asks nobody to come again', async () => {
  const { job_id, links, version } = await run();
  await succeed(job_id, await start(job_id, version));
  const answer = await gateway.call(links.status);
  expect(answer.json).toMatchObject({ status: 'succeeded', results: { kwh: 7 }, errors: [] });
  expect(answer.headers.get('retry-after')).toBeNull();
});

test('404 for an unknown job, a wrong action, a wrong resource and a stranger', async () => {
  await gateway.announce({ ...SIMULATE, name: 'paint' });
  const { job_id, links } = await run();
  const stranger = (await gateway.createKey('other', 'stranger')).api_key;
  const unknown = links.status.replace(/.$/, (digit: string) => (digit === '0' ? '1' : '0'));
  const theirs = { token: stranger };
  for (const [path, options] of [
    [unknown, {}],
    [links.status.replace('simulate', 'paint'), {}],
    [links.status.replace('d-1', 'd-2'), {}],
    [`/v2/tenants/other/jobs/${job_id}`, theirs],
    [links.status.replace('acme', 'other'), theirs],
    [links.status, theirs],
  ] as const) {
    expect((await gateway.call(path, options)).status, path).toBe(404);
  }
});

test('422 for a missing or malformed job_id', async () => {
  const path = RUN_PATH.replace(/run$/, 'status');
  for (const query of ['', '?job_id=', '?job_id=7', '?job_id=0190A5D4-6B7C-7D8E-9F01-23456789ABCD']) {
    const answer = await gateway.call(path + query);
    expect([answer.status, answer.json.errors]).toMatchObject([422, [{ parameter: 'job_id' }]]);
  }
});

test('410 once the summary is older than seven days', async () => {
  const { links } = await run();
  gateway.shiftMs = 8 * 86_400_000;
  try {
    const answer = await gateway.call(links.status);
    expect([answer.status, answer.json.code]).toEqual([410, 'job_expired']);
  } finally {
    gateway.shiftMs = 0;
  }
});

test('rows and log are merged, an ended row answers alone, and min_version goes past it', async () => {
  await using readModel = openReadModel(gateway);
  await readModel.migrate();
  const { job_id, links, version } = await run();
  const store = (change?: Parameters<typeof readModel.project>[1]) => readModel.project(job_id, change);
  await store();
  const started = await start(job_id, version);
  // The store may still be resting after its failures without a table.
  await expect.poll(async () => (await gateway.call(links.status)).json.version).toBe(started);
  await succeed(job_id, started);
  await store(() => ({ result: '"of the row"' }));
  await expect.poll(async () => (await gateway.call(links.status)).json.results).toBe('of the row');

  await store((row) => ({ result: '"of an older row"', version: row.version - 1, outcome_version: 1 }));
  const newest = `${links.status}&min_version=${started + 1}`;
  expect((await gateway.call(newest)).json).toMatchObject({ version: started + 1, results: { kwh: 7 } });

  await store(() => ({ request_version: 0, request: 'null', created_at: null, result: '1' }));
  expect((await gateway.call(links.status)).json.metadata).toEqual({});

  await store(() => ({ tenant_id: 'other' }));
  expect((await gateway.call(links.status)).status).toBe(404);
});

test('the links of a 202 go on when the action moves, and when it is gone', async () => {
  await using own = await startTestGateway();
  const accepted = (await own.call(RUN_PATH, { body: { tilt_deg: 30 } })).json;
  const { status } = accepted.links;
  const elsewhere = { ...SIMULATE, resource: 'plans/{plan_id}' };
  const isServed = async () => (await own.call('/v2/tenants/acme/actions/simulate')).json;

  await own.announce(elsewhere);
  await expect.poll(async () => (await isServed()).resource).toBe(elsewhere.resource);
  expect(await own.call(status)).toMatchObject({ status: 200, json: { job_id: accepted.job_id } });
  expect(await own.call(status.replace('d-1', 'd-2'))).toMatchObject({ status: 404 });

  const actions = await own.bus.buckets.open(BUCKETS.actions, ActionContract);
  await actions.delete('simulate');
  await expect.poll(async () => (await isServed()).code).toBe('unknown_action');
  expect(await own.call(status)).toMatchObject({ status: 200, json: { status: 'queued' } });
  expect(await own.call(status.replace('d-1', 'd-2'))).toMatchObject({ json: { code: 'unknown_job' } });
  expect(await own.call(status.replace('simulate', 'another'))).toMatchObject({
    json: { code: 'unknown_job' },
  });
  expect(await own.call(status.replace('simulate', 'No'))).toMatchObject({
    json: { code: 'unknown_action' },
  });

  const cancel = status.replace('/status?', '/cancel?');
  expect(await own.call(cancel.replace('d-1', 'd-2'), { method: 'POST' })).toMatchObject({ status: 404 });
  expect(await own.call(cancel, { method: 'POST' })).toMatchObject({ json: { status: 'canceled' } });
});

test.each([
  ['GET', 'status'],
  ['GET', 'job'],
  ['GET', 'events'],
  ['GET', 'result'],
  ['GET', 'deliveries'],
  ['POST', 'cancel'],
])('%s of %s refuses a parameter that it does not know', async (method, link) => {
  const { json } = await gateway.call(RUN_PATH, { body: { tilt_deg: 1 } });
  const path = json.links[link] ?? `${json.links.job}/${link}`;
  const answer = await gateway.call(`${path}${path.includes('?') ? '&' : '?'}wiat=5`, { method });
  expect([answer.status, answer.json.errors]).toMatchObject([
    422,
    [{ parameter: 'wiat', code: 'unknown_parameter' }],
  ]);
});

test('a run whose only parameter is mistyped is not run', async () => {
  for (const verb of ['run', 'run-batch']) {
    const path = RUN_PATH.replace(/run$/, verb);
    const { status, json } = await gateway.call(`${path}?validate_onyl=true`, { body: { tilt_deg: 1 } });
    expect([status, json.errors]).toMatchObject([422, [{ parameter: 'validate_onyl' }]]);
  }
});

test('HEAD has the length that GET has', async () => {
  const { json } = await gateway.call(RUN_PATH, { body: { tilt_deg: 1 } });
  const got = await gateway.call(json.links.status);
  const head = await gateway.call(json.links.status, { method: 'HEAD' });
  expect([head.status, head.text]).toEqual([200, '']);
  expect(head.headers.get('content-length')).toBe(String(Buffer.byteLength(got.text)));
});
