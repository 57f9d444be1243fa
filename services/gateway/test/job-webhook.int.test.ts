import { BUCKETS, JOB_WEBHOOKS_RECORD, WEBHOOK_EVENT_TYPES, WebhookEndpoint } from '@errand/contracts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { RUN_PATH, startTestGateway, TENANT, type TestGateway } from './gateway.ts';

const URL = 'https://hooks.example.com/in?x=1';
const BATCH_PATH = RUN_PATH.replace('/run', '/run-batch');
let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startTestGateway();
});

afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
});

const run = (webhook: unknown, path = RUN_PATH) =>
  gateway.call(path, { body: { tilt_deg: 1, _job: { webhook } } });

async function requestedWebhook(jobId: string) {
  const events = await gateway.bus.jobs.read({ tenantId: TENANT, jobId });
  const requested = events.find(({ event }) => event.type === 'JobRequested')?.event;
  return requested?.type === 'JobRequested' ? requested.data.webhook : undefined;
}

async function storedSigner(tenantId = TENANT) {
  const bucket = await gateway.bus.buckets.open(BUCKETS.webhookEndpoints, WebhookEndpoint);
  return bucket.get(`${tenantId}.${JOB_WEBHOOKS_RECORD}`);
}

test('a dry run checks the webhook and makes nothing', async () => {
  const path = `${RUN_PATH}?validate_only=true`;
  expect((await run({ url: URL }, path)).status).toBe(200);
  expect((await run({ url: 'ftp://example.com' }, path)).status).toBe(422);
  expect(await storedSigner()).toBeUndefined();
});

test('a run may ask to be told of its end, and then there is something to sign with', async () => {
  expect((await gateway.call(RUN_PATH, { body: { tilt_deg: 1 } })).status).toBe(202);
  expect(await storedSigner()).toBeUndefined();
  const { status, json } = await run({ url: URL });
  expect(status).toBe(202);
  expect(await requestedWebhook(json.job_id)).toEqual({ url: URL, events: [...WEBHOOK_EVENT_TYPES] });
  const signer = await storedSigner();
  expect(signer).toMatchObject({ tenant_id: TENANT, endpoint_id: 'job', enabled: false });
  await run({ url: URL });
  expect(await storedSigner()).toEqual(signer);
});

test('it may ask for some endings only', async () => {
  const asked = ['job.failed', 'job.expired', 'job.failed'];
  const { json } = await run({ url: URL, events: asked });
  expect((await requestedWebhook(json.job_id))?.events).toEqual(['job.failed', 'job.expired']);
  const all = await run({ url: URL, events: ['job.failed', 'job.*'] });
  expect((await requestedWebhook(all.json.job_id))?.events).toEqual([...WEBHOOK_EVENT_TYPES]);
});

test('it may ask for results', async () => {
  const { json } = await run({ url: URL, include: ['results'] });
  expect((await requestedWebhook(json.job_id))?.include).toEqual(['results']);
  const none = await run({ url: URL, include: [] });
  expect(await requestedWebhook(none.json.job_id)).toEqual({ url: URL, events: [...WEBHOOK_EVENT_TYPES] });
});

test.each([
  [{ url: URL, include: ['input'] }, 'include/0 enum'],
  [{ url: 'http://example.com' }, 'url scheme'],
  [{ url: 'https://me:pass@example.com' }, 'url credentials'],
  [{ url: 'https://me@example.com' }, 'url credentials'],
  [{ url: 'https://example.com/<JOB_ID>' }, 'url unknown_placeholder'],
  [{ url: 'https://example.com/#a' }, 'url fragment'],
  [{ url: 'nothing' }, 'url format'],
  [{ url: `https://example.com/${'x'.repeat(2_048)}` }, 'url max_length'],
  [{}, 'url required'],
  [{ url: URL, events: [] }, 'events min_items'],
  [{ url: URL, events: ['webhook.*'] }, 'events/0 enum'],
  [{ url: URL, secret: 'x' }, 'secret unknown_property'],
])('the webhook %j is 422 for %s', async (webhook, error) => {
  const { status, json } = await run(webhook);
  const { pointer, code } = json.errors[0];
  expect([status, `${pointer} ${code}`]).toEqual([422, `#/_job/webhook/${error}`]);
  expect(json.errors.length).toBe(1);
});

test('a wrong time and a wrong webhook are named together', async () => {
  const _job = { finish_by_s: 1_000_000, webhook: { url: 'x' } };
  const { json } = await gateway.call(RUN_PATH, { body: { tilt_deg: 1, _job } });
  expect(json.errors.map(({ pointer }: { pointer: string }) => pointer)).toEqual([
    '#/_job/finish_by_s',
    '#/_job/webhook/url',
  ]);
});

test('a retry tells whom the retried job told', async () => {
  const { json } = await run({ url: URL, events: ['job.failed'] });
  await gateway.call(json.links.cancel, { method: 'POST' });
  const retried = await gateway.call(`${json.links.job}/retry`, { method: 'POST' });
  expect(retried.status).toBe(202);
  expect(await requestedWebhook(retried.json.job_id)).toEqual({ url: URL, events: ['job.failed'] });
});

test('items of a batch have webhooks of their own', async () => {
  const token = (await gateway.createKey('batcher', 'key')).api_key;
  const items = [
    { tilt_deg: 1 },
    { tilt_deg: 2, _job: { webhook: { url: URL } } },
    { tilt_deg: 3, _job: { webhook: { url: 'x' } } },
  ];
  const path = BATCH_PATH.replace(TENANT, 'batcher');
  const { status, json } = await gateway.call(path, { body: { items }, token });
  expect([status, json.accepted]).toEqual([202, 2]);
  expect(json.items[2].errors[0].pointer).toBe('#/_job/webhook/url');
  expect(await storedSigner('batcher')).toMatchObject({ tenant_id: 'batcher' });
});

test('without the log a run with a webhook is 503 and accepts nothing', async () => {
  await gateway.nats.kill();
  await expect.poll(async () => (await gateway.call('/readyz')).status).toBe(503);
  expect((await run({ url: URL })).status).toBe(503);
  await gateway.nats.restart();
});
