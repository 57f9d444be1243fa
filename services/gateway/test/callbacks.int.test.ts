import { createHmac } from 'node:crypto';
import { openBus } from '@errand/bus';
import { DEFAULT_TOPOLOGY } from '@errand/contracts';
import { startNatsProxy, startSlowProxy, waitUntil } from '@errand/testkit';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type AwaitedJob, askKey, begin, carried, endingOf, eventsOf, waiting } from './callbacks.ts';
import { RUN_PATH, SIMULATE, startTestGateway, TENANT, type TestGateway } from './gateway.ts';
import { forget } from './read-model.ts';

/* Calls of outside systems, without Postgres: nothing listens on port 1. */

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startTestGateway({
    databaseUrl: () => 'postgres://errand@127.0.0.1:1/errand',
    callbackWaitMs: 400,
    callbackProgressIntervalMs: 60_000,
    maxBodyBytes: 600_000,
  });
});
afterEach(() => {
  gateway.shiftMs = 0;
});
afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
});

type Options = NonNullable<Parameters<TestGateway['call']>[1]>;
const send = (job: AwaitedJob, body: unknown, options: Options = {}) =>
  gateway.call(job.path, { token: null, ...(body === undefined ? {} : { body }), ...options });
const KWH = { kwh: 7 };

/** Resolves once runs are taken under it. */
async function announceAnyResult({ announce, call }: TestGateway): Promise<void> {
  await announce({ ...SIMULATE, result_schema: {}, contract_id: 'any_result' });
  const path = `/v2/tenants/${TENANT}/actions/simulate`;
  await waitUntil(async () => (await call(path)).text.includes('any_result'));
}

test('one call ends the job; the same call again is answered alike, and another one with 409', async () => {
  const job = await waiting(gateway);
  const first = await send(job, KWH);
  expect([first.status, first.json]).toEqual([200, { status: 'succeeded' }]);
  expect(await endingOf(gateway, job.jobId)).toMatchObject({
    source: '/errand/gateway',
    data: { attempt: 1, result: KWH },
  });
  const again = await send(job, KWH, { method: 'PUT' });
  expect([again.status, again.json]).toEqual([200, { status: 'succeeded' }]);
  const other = await send(job, { kwh: 8 });
  expect([other.status, other.json.code]).toEqual([409, 'callback_taken']);
  expect((await eventsOf(gateway, job.jobId)).at(-1)?.data).toMatchObject({ result: KWH });
});

test('of many calls at once one counts', async () => {
  const job = await waiting(gateway);
  const answers = await Promise.all(Array.from({ length: 10 }, (_, kwh) => send(job, { kwh })));
  expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array(9).fill(409)]);
});

test('the terms say which part is the result, and what is a failure', async () => {
  const terms = { result: { kwh: '/output/energy' }, failed_when: { '/status': ['failed'] }, error: '/why' };
  const done = await waiting(gateway, terms);
  // The id cannot be kept as it is, and is not used.
  await send(done, '{"id":12345678901234567890,"status":"done","output":{"energy":5}}');
  expect(await endingOf(gateway, done.jobId)).toMatchObject({
    type: 'JobSucceeded',
    data: { result: { kwh: 5 } },
  });
  const failed = await waiting(gateway, terms);
  const answer = await send(failed, { status: 'failed', why: ['no sun'], output: null });
  expect([answer.status, answer.json]).toEqual([200, { status: 'failed' }]);
  expect(await endingOf(gateway, failed.jobId)).toMatchObject({
    type: 'JobFailed',
    data: { error: { code: 'operation_failed', details: [{ answer: ['no sun'] }] } },
  });
  expect((await send(failed, { status: 'failed', why: ['no sun'] })).status).toBe(200);
  expect((await send(failed, { status: 'failed', why: ['clouds'] })).status).toBe(409);
});

test('a result that does not fit is 422 and names what is wrong, and the job goes on waiting', async () => {
  const job = await waiting(gateway);
  const wrong = await send(job, { kwh: 'seven' });
  expect([wrong.status, wrong.json.code, wrong.json.errors[0].pointer]).toEqual([
    422,
    'invalid_result',
    '#/kwh',
  ]);
  const inexact = await send(job, '{"kwh":12345678901234567890}');
  expect([inexact.status, inexact.json.errors[0].code]).toEqual([422, 'inexact_number']);
  expect((await send(job, '{')).json.code).toBe('invalid_json');
  expect((await send(job, 'kwh=7', { headers: { 'content-type': 'text/plain' } })).status).toBe(415);
  expect((await send(job, { kwh: 'x'.repeat(700_000) })).status).toBe(413);
  expect((await send(job, KWH)).status).toBe(200);
});

test('a call without its sender’s signature is told nothing of the job', async () => {
  const verify = { header: 'x-signature', hmac_sha256: 'the sender’s secret' };
  const sign = (text: string, secret = verify.hmac_sha256) => createHmac('sha256', secret).update(text);
  const text = JSON.stringify(KWH);
  const sent = (signature?: string) =>
    send(job, text, { headers: signature === undefined ? {} : { 'x-signature': signature } });
  const job = await waiting(gateway, { verify });
  for (const signature of [
    undefined,
    '',
    'sha256=',
    sign(text, 'other').digest('hex'),
    sign('{}').digest('hex'),
  ]) {
    expect([signature, (await sent(signature)).json.code]).toEqual([signature, 'bad_signature']);
  }
  expect((await sent(`sha256=${sign(text).digest('hex')}`)).status).toBe(200);
  expect((await sent(sign(text).digest('base64'))).status).toBe(200);
  expect((await sent()).status).toBe(403);
});

test('a bad token is 404, says nothing, and is not looked for in the log', async () => {
  await using proxy = await startNatsProxy(gateway.nats.url);
  await using behind = await gateway.another({ natsUrl: proxy.url });
  const job = await waiting(gateway);
  const call = (path: string) =>
    fetch(behind.url + path, {
      method: 'POST',
      body: JSON.stringify(KWH),
      headers: { 'content-type': 'application/json' },
    });
  const parts = job.path.split('.');
  const another = [...parts.slice(0, 3), '2', parts[4]].join('.');
  const ofAnotherAction = (await askKey(gateway, 'other')).token({
    tenantId: TENANT,
    action: 'simulate',
    jobId: job.jobId,
    attempt: 1,
  });
  const bad = [another, job.path.replace(TENANT, 'other'), `${job.path}x`, `/callbacks/${ofAnotherAction}`];
  using frames = proxy.hold('client', (frame) => frame.includes(job.jobId));
  let isAsked = false;
  void frames.caught.then(() => {
    isAsked = true;
  });
  for (const path of [...bad, '/callbacks/x']) {
    const answer = await call(path);
    const text = await answer.text();
    expect([path, answer.status, JSON.parse(text).code]).toEqual([path, 404, 'unknown_callback']);
    expect(text).not.toContain(job.jobId);
  }
  expect(isAsked).toBe(false);
  const good = call(job.path);
  await frames.caught;
  frames.letGo();
  expect((await good).status).toBe(200);
});

test('a look at a link ends no job, unless its action takes GET', async () => {
  const job = await waiting(gateway);
  const look = await send(job, undefined);
  expect([look.status, look.headers.get('allow')]).toEqual([405, 'POST, PUT']);
  const linked = await waiting(gateway, {
    methods: ['GET'],
    failed_when: { '/decision': ['no'] },
    error: '/decision',
  });
  expect((await send(linked, KWH)).headers.get('allow')).toBe('GET');
  const path = `${linked.path}?decision=no`;
  expect((await gateway.call(path, { token: null, method: 'HEAD' })).status).toBe(405);
  expect((await gateway.call(path, { token: null })).json).toEqual({ status: 'failed' });
  expect(await endingOf(gateway, linked.jobId)).toMatchObject({
    data: { error: { details: [{ answer: 'no' }] } },
  });
});

test('a call that comes before its job waits is kept for a while', async () => {
  const late = await begin(gateway);
  const early = await send(late, KWH);
  expect([early.status, early.json.code, early.headers.get('retry-after')]).toEqual([
    503,
    'callback_early',
    '1',
  ]);
  await using patient = await gateway.another({ callbackWaitMs: 20_000 });
  const job = await begin(gateway);
  const headers = { 'content-type': 'application/json' };
  const sent = fetch(patient.url + job.path, { method: 'POST', body: JSON.stringify(KWH), headers });
  const waits = async () => (await fetch(`${patient.url}/metrics`)).text();
  await waitUntil(async () => /^errand_job_waits\S* 1$/m.test(await waits()));
  await job.defer();
  expect(await (await sent).json()).toEqual({ status: 'succeeded' });
});

test.each([
  ['a cancel was asked for', 'running', { type: 'JobCancelRequested', data: { by: 'amy' } }],
  ['it was canceled', 'canceled', { type: 'JobCanceled', data: { by: 'amy' } }],
  ['it has expired', 'expired', { type: 'JobExpired', data: { deadline: 'finish_by' } }],
  ['its time is over', 'queued', { type: 'JobDue', data: { reason: 'deferred' } }],
  ['a newer attempt runs', 'running', { type: 'JobStarted', data: { attempt: 2, executor_id: 'e-2' } }],
  [
    'its executor has ended it',
    'failed',
    {
      type: 'JobFailed',
      data: { attempt: 1, error: { code: 'callback_missing', message: 'x' }, duration_ms: 1 },
    },
  ],
] as const)('a call is 410 with the job’s state once %s', async (_, status, fact) => {
  const job = await waiting(gateway);
  await gateway.append(job.jobId, job.version, fact);
  const answer = await send(job, KWH);
  expect([answer.status, answer.json.code]).toEqual([410, 'callback_over']);
  expect(answer.json.detail).toContain(`it is ${status}`);
});

test('an attempt that begins again after its time is over takes no call', async () => {
  const job = await waiting(gateway);
  const due = await gateway.append(job.jobId, job.version, { type: 'JobDue', data: { reason: 'deferred' } });
  const again = { type: 'JobStarted', data: { attempt: 1, executor_id: 'e-2' } } as const;
  await gateway.append(job.jobId, due ?? 0, again);
  expect((await send(job, KWH)).status).toBe(410);
});

test('a failed attempt that never waited takes no call', async () => {
  const job = await begin(gateway);
  const data = { attempt: 1, error: { code: 'timed_out', message: 'x' }, retry_at: new Date().toISOString() };
  await gateway.append(job.jobId, job.version, { type: 'JobRetrying', data });
  expect((await send(job, KWH)).status).toBe(410);
});

test('a job that has left the log answers from the audit log', async () => {
  const job = await waiting(gateway);
  await send(job, KWH);
  const version = (await gateway.call(`/v2/tenants/${TENANT}/jobs/${job.jobId}`)).json.version;
  await waitUntil(async () => (await gateway.bus.audit.version()) >= version);
  await forget(gateway, job.jobId);
  expect((await send(job, KWH)).json).toEqual({ status: 'succeeded' });
  expect((await send(job, { kwh: 8 })).status).toBe(409);
});

test('a large result is stored as executors store it', async () => {
  await announceAnyResult(gateway);
  try {
    const job = await waiting(gateway);
    const text = 'x'.repeat(300_000);
    expect((await send(job, { text })).status).toBe(200);
    const { data } = (await endingOf(gateway, job.jobId)) ?? {};
    expect(data).toMatchObject({ result_ref: { content_type: 'application/json', bytes: 300_011 } });
    const result = await gateway.call(`/v2/tenants/${TENANT}/jobs/${job.jobId}/result`);
    expect(result.json).toEqual({ text });
    expect((await send(job, { text })).status).toBe(200);
    expect((await send(job, { text: `${text}y` })).status).toBe(409);
  } finally {
    await gateway.announce(SIMULATE);
  }
});

test('a call is answered although the log does not answer, and counts later', async () => {
  await using proxy = await startSlowProxy(gateway.nats.url);
  await using behind = await gateway.another({ natsUrl: proxy.url });
  const job = await waiting(gateway);
  const call = () =>
    fetch(behind.url + job.path, {
      method: 'POST',
      body: JSON.stringify(KWH),
      headers: { 'content-type': 'application/json' },
      signal: AbortSignal.timeout(15_000),
    });
  proxy.delayMs = 8_000;
  const silent = await call();
  expect([silent.status, silent.headers.get('retry-after'), await silent.json()]).toMatchObject([
    503,
    '2',
    { code: 'log_unavailable' },
  ]);
  proxy.delayMs = 0;
  await waitUntil(async () => (await call()).status === 200, { timeoutMs: 20_000 });
  expect(await endingOf(gateway, job.jobId)).toMatchObject({ data: { result: KWH } });
});

test('where the log is nearly full, a result is stored apart, and its job ends all the same', async () => {
  await using tight = await startTestGateway();
  await announceAnyResult(tight);
  const [job, failing] = [
    await waiting(tight),
    await waiting(tight, { failed_when: { '/a': [1] }, error: '/text' }),
  ];
  const topology = { ...DEFAULT_TOPOLOGY, jobsMaxBytes: 1_000_000 };
  await using _ = await openBus({ servers: tight.nats.url, name: 'test', topology });
  const run = (anything = '') => tight.call(RUN_PATH, { body: { tilt_deg: 1, anything } });
  for (let large = 0; large < 8; large++) await run('x'.repeat(98_000));
  await expect.poll(async () => (await run()).status, { timeout: 10_000 }).toBe(503);
  const call = (path: string, said: unknown) => tight.call(path, { token: null, body: said });
  const text = 'y'.repeat(50_000);
  expect((await call(job.path, { text })).json).toEqual({ status: 'succeeded' });
  expect(await endingOf(tight, job.jobId)).toMatchObject({ data: { result_ref: { bytes: 50_011 } } });
  expect((await call(failing.path, { a: 1, text })).json).toEqual({ status: 'failed' });
  expect((await call(failing.path, { a: 1, text })).json).toEqual({ status: 'failed' });
  expect((await call(job.path, { text })).status).toBe(200);
});

test('progress is told by the same sender, and not too often', async () => {
  const verify = { header: 'x-signature', hmac_sha256: 'secret' };
  const job = await waiting(gateway, { verify });
  const tell = (percent: number, secret = 'secret') => {
    const body = JSON.stringify({ percent, message: 'half' });
    const signature = createHmac('sha256', secret).update(body).digest('hex');
    const headers = { 'x-signature': signature };
    return gateway.call(`${job.path}/progress`, { token: null, body, headers });
  };
  expect((await tell(50, 'other')).status).toBe(403);
  expect((await tell(101)).json.errors[0].pointer).toBe('#/percent');
  expect([(await tell(50)).json, (await tell(60)).json]).toEqual([
    { status: 'running' },
    { status: 'running' },
  ]);
  const status = await gateway.call(`/v2/tenants/${TENANT}/jobs/${job.jobId}`);
  expect(status.json.progress).toMatchObject({ percent: 50, message: 'half' });
});

test('a call counts for a job that was carried to the end of the log', async () => {
  const { jobId, path } = await carried(gateway);
  const call = (body: unknown, to = path) => gateway.call(to, { token: null, body });
  expect((await call({ percent: 50 }, `${path}/progress`)).status).toBe(200);
  expect((await call(KWH)).status).toBe(200);
  expect(await endingOf(gateway, jobId)).toMatchObject({ type: 'JobSucceeded', data: { attempt: 1 } });
  expect((await call(KWH)).status).toBe(200);
  expect((await call({ kwh: 8 })).status).toBe(409);
});

test('status and events say what such a job waits for, and tell no token and no secret', async () => {
  const job = await waiting(gateway, { verify: { header: 'x-signature', hmac_sha256: 'top-secret-word' } });
  const status = await gateway.call(`/v2/tenants/${TENANT}/jobs/${job.jobId}`);
  expect(status.json).toMatchObject({ status: 'running', attempt: { number: 1, waits_for: 'callback' } });
  const events = await gateway.call(`/v2/tenants/${TENANT}/jobs/${job.jobId}/events`);
  expect(events.json.events.at(-1)).toMatchObject({ type: 'JobDeferred', data: { waits_for: 'callback' } });
  const stored = JSON.stringify(await eventsOf(gateway, job.jobId));
  for (const text of [status.text, events.text, stored]) {
    expect(text).not.toContain(job.path.split('/').at(-1));
    expect(text).not.toContain('top-secret-word');
  }
});

test('tokens of every key of the ring are good, and new ones are of the first', async () => {
  const job = await waiting(gateway);
  const newKey = Buffer.alloc(32, 9).toString('base64');
  const oldKey = Buffer.alloc(32, 7).toString('base64');
  await using other = await gateway.another({ secretKey: newKey, otherSecretKeys: [oldKey] });
  await using later = await gateway.another({ secretKey: newKey });
  const request = (url: string) =>
    fetch(url + job.path, {
      method: 'POST',
      body: '{"kwh":7}',
      headers: { 'content-type': 'application/json' },
    });
  expect((await request(later.url)).status).toBe(404);
  expect((await request(other.url)).status).toBe(200);
});
