import { JOB_WEBHOOKS_RECORD, type JobFact } from '@errand/contracts';
import { waitUntil } from '@errand/testkit';
import { Webhook } from 'standardwebhooks';
import { expect, test } from 'vitest';
import { jobQueueId } from '../src/sending/target.ts';
import { receiver, SIGNING_SECRET, startForEachTest, system, tenantId, threeAttempts } from './system.ts';

const HOUR_MS = 3_600_000;
const SUCCEEDED: JobFact = {
  type: 'JobSucceeded',
  data: { attempt: 1, result: { kwh: 1 }, duration_ms: 5 },
};

startForEachTest();

const allowJobWebhooks = () =>
  system.addEndpoint({
    tenant_id: tenantId,
    endpoint_id: JOB_WEBHOOKS_RECORD,
    url: 'https://job.invalid/',
    event_types: ['job.*', 'webhook.*'],
  });
const endJobTelling = (url: string, ending: JobFact = SUCCEEDED) =>
  system.endJob(tenantId, ending, { url, events: ['job.succeeded', 'job.failed'] });
const delivery = (eventId: string) =>
  system.db.selectFrom('webhook_delivery').selectAll().where('event_id', '=', eventId).executeTakeFirst();
const reached = (eventId: string, state: string, attempts: number) =>
  waitUntil(async () => {
    const row = await delivery(eventId);
    return row?.state === state && row.attempts === attempts ? row : undefined;
  });
const errorCodes = async (eventId: string) => {
  const rows = await system.db
    .selectFrom('webhook_attempt')
    .select('error_code')
    .where('event_id', '=', eventId)
    .orderBy('attempt')
    .execute();
  return rows.map(({ error_code }) => error_code);
};

test('a job’s own webhook is called at its URL, signed with the secret that the tenant has for its jobs', async () => {
  await using _service = await system.start();
  await allowJobWebhooks();
  const url = `${receiver.url}/done?x=<JOB_ID>`;
  const { eventId, jobId } = await endJobTelling(url);
  const request = await receiver.waitFor(() => true);
  const queue = jobQueueId(tenantId, url);
  expect(request).toMatchObject({ method: 'POST', url: '/done?x=%3CJOB_ID%3E' });
  expect(request.headers).toMatchObject({ 'webhook-id': eventId, 'errand-delivery': `${eventId}.${queue}` });
  const headers = request.headers as Record<string, string>;
  expect(new Webhook(SIGNING_SECRET).verify(request.body, headers)).toMatchObject({
    type: 'job.succeeded',
    data: { job_id: jobId },
  });
  expect(await reached(eventId, 'delivered', 1)).toMatchObject({ endpoint_id: queue, url });
  expect(receiver.requests).toHaveLength(1);
});

test('it is called for the endings that the job asks for, beside the endpoints of the tenant', async () => {
  await using _service = await system.start();
  await allowJobWebhooks();
  const endpoint = await system.addEndpoint({ tenant_id: tenantId, url: `${receiver.url}/all` });
  const canceled: JobFact = { type: 'JobCanceled', data: { by: 'test' } };
  const unwanted = await endJobTelling(`${receiver.url}/own`, canceled);
  const plain = await system.endJob(tenantId);
  const wanted = await endJobTelling(`${receiver.url}/own`);
  const told = () => receiver.requests.map(({ url, headers }) => `${url} ${headers['webhook-id']}`);
  await waitUntil(() => receiver.requests.length === 4);
  expect(told().toSorted()).toEqual(
    [
      `/all ${unwanted.eventId}`,
      `/all ${plain.eventId}`,
      `/all ${wanted.eventId}`,
      `/own ${wanted.eventId}`,
    ].toSorted(),
  );
  const rows = await system.db.selectFrom('webhook_delivery').select(['endpoint_id', 'url']).execute();
  expect(rows.filter(({ url }) => url === null).map(({ endpoint_id }) => endpoint_id)).toEqual([
    ...[endpoint.endpoint_id, endpoint.endpoint_id, endpoint.endpoint_id],
  ]);
});

test('without the secret it is not sent and not canceled, and tried again like any failure', async () => {
  await using _service = await system.start({}, { schedule: { waitsMs: Array(100).fill(0), jitter: 0 } });
  await allowJobWebhooks();
  // The first call fails; then the record is gone.
  receiver.respond = async () => {
    await system.endpoints.delete(`${tenantId}.${JOB_WEBHOOKS_RECORD}`);
    return 500;
  };
  const { eventId } = await endJobTelling(receiver.url);
  await waitUntil(async () => (await errorCodes(eventId)).includes('secret_missing'));
  expect(await delivery(eventId)).toMatchObject({ state: 'pending' });
  expect(receiver.requests).toHaveLength(1);
  receiver.respond = 200;
  await allowJobWebhooks();
  await waitUntil(async () => (await delivery(eventId))?.state === 'delivered', { timeoutMs: 20_000 });
});

test('a URL that is gone fails this delivery for good, and holds up no other of the same host', async () => {
  let aheadMs = 0;
  await using _service = await system.start({}, { now: () => Date.now() + aheadMs });
  await allowJobWebhooks();
  receiver.respond = ({ url }) => (url === '/gone' ? 410 : 200);
  for (let round = 0; round < 2; round++) {
    const gone = await endJobTelling(`${receiver.url}/gone`);
    await reached(gone.eventId, 'failed', 1);
    const other = await endJobTelling(`${receiver.url}/here`);
    await reached(other.eventId, 'delivered', 1);
    aheadMs += HOUR_MS;
  }
  const states = await system.db.selectFrom('webhook_endpoint_state').select('state').execute();
  expect(states.map(({ state }) => state)).not.toContain('disabled');
});

test('a queue that has only failed for six days is not disabled, and its breaker holds', async () => {
  let aheadMs = 0;
  const context = { now: () => Date.now() + aheadMs, schedule: threeAttempts(0) };
  await using _service = await system.start({ deliveryLifeHours: 600 }, context);
  await allowJobWebhooks();
  receiver.respond = 500;
  const state = () =>
    system.db
      .selectFrom('webhook_endpoint_state')
      .select(['state', 'breaker', 'failed_attempts'])
      .executeTakeFirst();
  const failedAttempts = async () => (await state())?.failed_attempts ?? 0;
  for (let day = 0; day < 7; day++) {
    const before = await failedAttempts();
    await Promise.all(Array.from({ length: 4 }, () => endJobTelling(receiver.url)));
    await waitUntil(async () => (await failedAttempts()) > before);
    aheadMs += 24 * HOUR_MS;
  }
  expect(await state()).toMatchObject({ state: 'failing', breaker: 'open' });
});

test('it can be made again, but neither replayed nor tested: there is no endpoint', async () => {
  await using _service = await system.start();
  await allowJobWebhooks();
  const { eventId } = await endJobTelling(receiver.url);
  const { endpoint_id } = await reached(eventId, 'delivered', 1);
  const again = { tenant_id: tenantId, event_id: eventId, endpoint_id };
  expect(await system.bus.commands.askWebhooks('redeliver', again)).toMatchObject({ kind: 'scheduled' });
  await reached(eventId, 'delivered', 2);
  for (const unknown of [endpoint_id, JOB_WEBHOOKS_RECORD]) {
    const about = { tenant_id: tenantId, endpoint_id: unknown };
    const refused = { kind: 'refused', code: 'unknown_endpoint' };
    expect(await system.bus.commands.askWebhooks('test', about)).toEqual(refused);
    const replay = { ...about, since: '2020-01-01T00:00:00.000Z', only: 'all', dry_run: false } as const;
    expect(await system.bus.commands.askWebhooks('replay', replay)).toEqual(refused);
  }
});

test('it passes the same gate as all others', async () => {
  await using _service = await system.start({ allowCidrs: [] });
  await allowJobWebhooks();
  const { eventId } = await endJobTelling(receiver.url);
  await reached(eventId, 'failed', 3);
  expect(await errorCodes(eventId)).toEqual(['address_blocked', 'address_blocked', 'address_blocked']);
  expect(receiver.requests).toEqual([]);
});
