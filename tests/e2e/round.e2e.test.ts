import { createTestDatabase, type Receiver, startReceiver, startTestNats, waitUntil } from '@errand/testkit';
import { Webhook } from 'standardwebhooks';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Caller, createCaller, SMALL_DESIGN } from './caller.ts';
import { startSystem } from './system.ts';

const PARALLEL_RUNS = Number(process.env.ERRAND_ROUND_RUNS || 1_000);

const resources = new AsyncDisposableStack();
let caller: Caller;
let receiver: Receiver;

beforeAll(async () => {
  const nats = resources.use(await startTestNats());
  const database = resources.use(await createTestDatabase());
  const system = resources.use(await startSystem({ natsUrl: nats.url, databaseUrl: database.url }));
  receiver = resources.use(await startReceiver());
  caller = resources.use(await createCaller(system, 'round'));
});

afterAll(() => resources.disposeAsync());

test('a run is accepted, followed by its status, and reported to both kinds of webhook', async () => {
  const { tenantId } = caller;
  const { signing_secret } = await caller.createWebhook({
    url: `${receiver.url}/post`,
    method: 'POST',
    basic_auth: { username: 'errand', password: 'päss:word' },
    secret_headers: { 'x-first-secret': 'one', 'x-second-secret': 'two' },
  });
  await caller.createWebhook({
    url: `${receiver.url}/get?job_id=<JOB_ID>&status=<STATUS>&action=<ACTION>&tenant=<TENANT_ID>`,
    method: 'GET',
    secret_headers: { 'x-get-secret': 'three' },
  });

  const path = `/v2/tenants/${tenantId}/designs/e2e/performance_simulation/run`;
  const accepted = await caller.call('POST', path, { ...SMALL_DESIGN, _job: { metadata: { order: '42' } } });
  expect(accepted.status).toBe(202);
  const { job_id: jobId, version, links } = accepted.body as Awaited<ReturnType<Caller['run']>> & object;
  expect(accepted.headers.location).toBe(links.status);

  const versions = [version];
  const summary = await waitUntil(
    async () => {
      const seen = await caller.status(jobId);
      versions.push(seen.version);
      return seen.finished_at === null ? undefined : seen;
    },
    { intervalMs: 5 },
  );
  expect(versions).toEqual(versions.toSorted((a, b) => a - b));
  expect(summary).toMatchObject({
    job_id: jobId,
    tenant_id: tenantId,
    action: 'performance_simulation',
    resource: { design_id: 'e2e' },
    status: 'succeeded',
    errors: [],
    metadata: { order: '42' },
    attempt: { number: 1 },
  });
  const results = summary.results as { annual: { ac_kwh: number }; monthly: { ac_kwh: number }[] };
  expect(results.monthly).toHaveLength(12);
  const monthlySum = results.monthly.reduce((sum, { ac_kwh }) => sum + ac_kwh, 0);
  expect(monthlySum).toBeCloseTo(results.annual.ac_kwh, 1);
  expect(results.annual.ac_kwh).toBeGreaterThan(4_000);

  const posted = await receiver.waitFor(({ url }) => url === '/post');
  expect(posted.method).toBe('POST');
  expect(posted.headers).toMatchObject({
    authorization: `Basic ${Buffer.from('errand:päss:word').toString('base64')}`,
    'x-first-secret': 'one',
    'x-second-secret': 'two',
  });
  const message = new Webhook(signing_secret).verify(posted.body, posted.headers as Record<string, string>);
  expect(message).toMatchObject({
    type: 'job.succeeded',
    data: { job_id: jobId, status: 'succeeded', tenant_id: tenantId, metadata: { order: '42' } },
  });
  const { status: statusLink } = (message as { data: { links: { status: string } } }).data.links;
  expect(new URL(statusLink).pathname + new URL(statusLink).search).toBe(links.status);

  const got = await receiver.waitFor(({ method }) => method === 'GET');
  const query = new URL(got.url, receiver.url).searchParams;
  expect(Object.fromEntries(query)).toEqual({
    job_id: jobId,
    status: 'succeeded',
    action: 'performance_simulation',
    tenant: tenantId,
  });
  expect(got.body).toBe('');
  expect(got.headers['x-get-secret']).toBe('three');
  expect(got.headers['webhook-id']).toBe(posted.headers['webhook-id']);
});

test('wrong inputs are all named and make no job', async () => {
  const path = `/v2/tenants/${caller.tenantId}/designs/e2e/performance_simulation/run`;
  const wrong = { ...SMALL_DESIGN, inverter: {}, arrays: [{ dc_kw: -1, tilt_deg: 20, azimuth_deg: 361 }] };
  const refused = await caller.call('POST', path, wrong);
  expect(refused.status).toBe(422);
  const pointers = (refused.body as { errors: { pointer: string }[] }).errors.map(({ pointer }) => pointer);
  expect(pointers.toSorted()).toEqual(['#/arrays/0/azimuth_deg', '#/arrays/0/dc_kw', '#/inverter/ac_kw']);
});

test('each of a thousand parallel runs finds its own status at once', async () => {
  const runs = Array.from({ length: PARALLEL_RUNS }, async () => {
    const accepted = await caller.run();
    if (!accepted) return 'not accepted';
    const path = accepted.links.status;
    const { status, body } = await caller.call('GET', path);
    const { version } = body as { version: number };
    return status === 200 && version >= accepted.version ? 'known' : `${status} at ${version}`;
  });
  const outcomes = await Promise.all(runs);
  const counts = Object.fromEntries(
    [...Map.groupBy(outcomes, (outcome) => outcome)].map(([outcome, { length }]) => [outcome, length]),
  );
  console.log('read your own run', counts);
  expect(counts).toEqual({ known: PARALLEL_RUNS });
});
