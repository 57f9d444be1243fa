import type { WebhookHandlers } from '@errand/bus';
import type { WebhookRequest } from '@errand/contracts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { BULK, type BulkTest, openBulkTest } from './bulk.ts';
import { openDeliveries } from './deliveries.ts';
import { ADMIN_KEY, STARTED, startTestGateway, TENANT, type TestGateway } from './gateway.ts';
import { openReadModel } from './read-model.ts';

let gateway: TestGateway;
let readModel: ReturnType<typeof openReadModel>;
let bulk: BulkTest;

beforeAll(async () => {
  gateway = await startTestGateway({ bulkJobsPerSecond: 2_000 });
  readModel = openReadModel(gateway);
  await readModel.migrate();
  bulk = await openBulkTest(gateway, readModel);
});

afterAll(async () => {
  await readModel?.[Symbol.asyncDispose]();
  await gateway[Symbol.asyncDispose]();
});

const isDone = ({ state }: { state: string }) => state === 'done';
const statusOf = async (jobId: string) =>
  (await gateway.call(`/v2/tenants/${TENANT}/jobs/${jobId}`)).json.status;
async function keyFor(about: object): Promise<string> {
  const path = `/admin/tenants/${TENANT}/keys`;
  return (await gateway.call(path, { token: ADMIN_KEY, body: { name: 'some', ...about } })).json.api_key;
}

test('a dry run counts what matches, and stores and does nothing', async () => {
  const jobs = await bulk.runJobs(3, 'dry');
  const body = { action: 'cancel', filter: { metadata: { group: 'dry' } }, dry_run: true };
  const answer = await gateway.call(BULK, { body });
  expect([answer.status, answer.json]).toEqual([200, { matched: 3 }]);
  expect((await gateway.call(BULK)).json.bulk_actions).toEqual([]);
  expect(await Promise.all(jobs.map(({ job_id }) => statusOf(job_id)))).toEqual(Array(3).fill('queued'));
});

test('all matching jobs are canceled, and none that was requested later', async () => {
  const jobs = await bulk.runJobs(60, 'many');
  const others = await bulk.runJobs(1, 'others');
  const answer = await bulk.start('cancel', { status: ['queued'], metadata: { group: 'many' } });
  const later = await bulk.runJobs(5, 'many');
  expect(answer.status).toBe(202);
  expect(answer.headers.get('location')).toBe(`${BULK}/${answer.json.bulk_id}`);
  expect(answer.json).toMatchObject({ state: 'running', created_by: 'test key', counts: { matched: 60 } });
  const done = await bulk.waitFor(answer.json.bulk_id, isDone);
  expect(done.counts).toEqual({ matched: 60, done: 60, skipped: 0, failed: 0 });
  expect(done.failures).toEqual([]);
  expect(Date.parse(done.ended_at)).toBeGreaterThanOrEqual(Date.parse(done.started_at));
  const statuses = async (of: typeof jobs) =>
    new Set(await Promise.all(of.map(({ job_id }) => statusOf(job_id))));
  expect(await statuses(jobs)).toEqual(new Set(['canceled']));
  expect(await statuses([...others, ...later])).toEqual(new Set(['queued']));
  // Once more, now that the rows of the later ones are there: those of the others are still as they were.
  const record = await bulk.stored(done.bulk_id);
  await bulk.put({ ...record, state: 'running', cursor: null, counts: { done: 0, skipped: 0, failed: 0 } });
  const again = await bulk.waitFor(done.bulk_id, isDone);
  expect(again.counts).toEqual({ matched: 60, done: 0, skipped: 60, failed: 0 });
  expect(await statuses(later)).toEqual(new Set(['queued']));
});

test('a key begins one bulk action, however often and at whichever gateway it is sent', async () => {
  await bulk.runJobs(4, 'keyed');
  await using other = await gateway.another();
  const body = { action: 'cancel', filter: { metadata: { group: 'keyed' } } };
  const send = async (url: string, sent: object, key = 'once') => {
    const answer = await fetch(url + BULK, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${gateway.apiKey}`,
        'content-type': 'application/json',
        'idempotency-key': key,
      },
      body: JSON.stringify(sent),
    });
    const { bulk_id, code } = (await answer.json()) as { bulk_id?: string; code?: string };
    return { status: answer.status, bulk_id, code, isReplay: answer.headers.has('idempotency-replayed') };
  };
  const sent = await Promise.all(
    Array.from({ length: 8 }, (_, index) => send(index % 2 === 0 ? gateway.url : other.url, body)),
  );
  const begun = sent.filter(({ status }) => status === 202);
  expect(new Set(begun.map(({ bulk_id }) => bulk_id)).size).toBe(1);
  expect(begun.filter(({ isReplay }) => !isReplay)).toHaveLength(1);
  // The others met it.
  expect(new Set(sent.filter(({ status }) => status !== 202).map(({ code }) => code))).toBeOneOf([
    new Set(),
    new Set(['idempotency_in_flight']),
  ]);
  const { bulk_id = '' } = begun[0] ?? {};
  expect((await bulk.waitFor(bulk_id, isDone)).counts).toMatchObject({ matched: 4, done: 4 });
  expect(await send(other.url, body)).toEqual({ status: 202, bulk_id, code: undefined, isReplay: true });
  expect(await send(gateway.url, { ...body, action: 'retry' })).toMatchObject({
    status: 422,
    code: 'idempotency_key_reused',
  });
  expect((await send(gateway.url, body, 'another')).bulk_id).not.toBe(bulk_id);
});

test('a job in another state is skipped, and the reason is counted', async () => {
  const [ended, running] = await bulk.runJobs(3, 'states');
  await gateway.call(ended?.links.cancel ?? '', { method: 'POST' });
  await gateway.append(running?.job_id ?? '', running?.version ?? 0, STARTED);
  const filter = { metadata: { group: 'states' } };
  const canceled = await bulk.waitFor((await bulk.start('cancel', filter)).json.bulk_id, isDone);
  expect(canceled).toMatchObject({
    counts: { matched: 3, done: 2, skipped: 1, failed: 0 },
    skipped_because: { already_ended: 1 },
  });
  const retried = await bulk.waitFor((await bulk.start('retry', filter)).json.bulk_id, isDone);
  expect(retried).toMatchObject({
    counts: { matched: 3, done: 2, skipped: 1 },
    skipped_because: { not_ended: 1 },
  });
});

test("jobs are named by their ids too, and one that is nobody's matches nothing", async () => {
  const jobs = await bulk.runJobs(3, 'named');
  const job_ids = [...jobs.slice(0, 2).map(({ job_id }) => job_id), '019c2f3e-0000-7000-8000-000000000000'];
  const { json } = await bulk.start('cancel', { job_ids });
  expect((await bulk.waitFor(json.bulk_id, isDone)).counts).toMatchObject({ matched: 2, done: 2 });
  expect(await statusOf(jobs[2]?.job_id ?? '')).toBe('queued');
});

test('all deliveries about each matching job are made again', async () => {
  await using deliveries = await openDeliveries(gateway);
  const [first, second] = await bulk.runJobs(3, 'told');
  const made: string[] = [];
  for (const job of [first, first, second]) {
    made.push(await deliveries.deliver('whe_1', { message: { job_id: job?.job_id ?? '' } }));
  }
  const asked: string[] = [];
  const scheduled = (request: WebhookRequest<'redeliver'>) => {
    asked.push(request.event_id);
    return Promise.resolve({ kind: 'scheduled', attempts: 1, due_at: new Date().toISOString() } as const);
  };
  // Stands in for the webhooks service.
  const handlers = { redeliver: scheduled } as unknown as WebhookHandlers;
  const stopAnswering = await gateway.bus.commands.answerWebhooks(handlers, () => {});
  const { json } = await bulk.start('redeliver', { metadata: { group: 'told' } });
  const done = await bulk.waitFor(json.bulk_id, isDone);
  stopAnswering();
  expect(done).toMatchObject({
    counts: { matched: 3, done: 2, skipped: 1, failed: 0 },
    skipped_because: { no_deliveries: 1 },
  });
  expect(asked.sort()).toEqual(made.sort());
});

test('what fails is counted, and told with its job and its code', async () => {
  const [job] = await bulk.runJobs(1, 'fails');
  await gateway.call(job?.links.cancel ?? '', { method: 'POST' });
  const request = { resource: {}, metadata: { group: 'fails' }, source: 'api', requested_by: 'x' };
  const lost = '01890000-0000-7000-8000-000000000001'.replace('01890000', (job?.job_id ?? '').slice(0, 8));
  await readModel.project(job?.job_id ?? '', () => ({ job_id: lost, request: JSON.stringify(request) }));
  const { json } = await bulk.start('retry', { metadata: { group: 'fails' } });
  const { counts, failures } = await bulk.waitFor(json.bulk_id, isDone);
  expect(counts).toEqual({ matched: 1, done: 0, skipped: 0, failed: 1 });
  expect(failures).toEqual([{ job_id: lost, code: expect.any(String), detail: expect.any(String) }]);
});

test('422 names each wrong member of the filter', async () => {
  const pointers = async (filter: unknown, more = {}) => {
    const { status, json } = await gateway.call(BULK, { body: { action: 'cancel', filter, ...more } });
    expect(status).toBe(422);
    return json.errors.map(({ pointer }: { pointer: string }) => pointer).sort();
  };
  expect(
    await pointers({
      status: ['done'],
      action: ['No'],
      source: 'api',
      metadata: { a: 1 },
      created_after: 'yesterday',
      created_before: '2026-01-31',
      job_ids: ['x'],
      colour: 'red',
    }),
  ).toEqual([
    '#/filter/action/0',
    '#/filter/colour',
    '#/filter/created_after',
    '#/filter/created_before',
    '#/filter/job_ids/0',
    '#/filter/metadata/a',
    '#/filter/source',
    '#/filter/status/0',
  ]);
  expect(await pointers({})).toEqual(['#/filter']);
  expect(await pointers(undefined)).toEqual(['#/filter']);
  expect(await pointers({ metadata: { a: '\0' } })).toEqual(['#/filter/metadata']);
  expect(await pointers({ status: ['failed'] }, { action: 'delete', dry: true })).toEqual([
    '#/action',
    '#/dry',
  ]);
});

test('a key for some jobs reaches these only, sees its own bulk actions only, and may not redeliver', async () => {
  const own = await bulk.runJobs(2, 'seven');
  const foreign = await bulk.runJobs(2, 'eight');
  const token = await keyFor({ metadata_filter: { group: 'seven' } });
  const filter = { status: ['queued'], action: ['simulate'] };
  const { json } = await bulk.start('cancel', filter, { token });
  const done = await bulk.waitFor(json.bulk_id, isDone);
  expect(done.counts).toMatchObject({ matched: 2, done: 2 });
  expect(await statusOf(own[0]?.job_id ?? '')).toBe('canceled');
  expect(await statusOf(foreign[0]?.job_id ?? '')).toBe('queued');
  const contradiction = await bulk.start('cancel', { metadata: { group: 'eight' } }, { token });
  expect(contradiction.json.counts.matched).toBe(0);
  expect((await bulk.start('redeliver', filter, { token })).status).toBe(403);
  const other = await bulk.start('cancel', { metadata: { group: 'nobody' } });
  const seen = await gateway.call(BULK, { token });
  const ids = seen.json.bulk_actions.map(({ bulk_id }: { bulk_id: string }) => bulk_id);
  expect(ids.sort()).toEqual([contradiction.json.bulk_id, json.bulk_id].sort());
  expect((await gateway.call(`${BULK}/${other.json.bulk_id}`, { token })).json.code).toBe(
    'unknown_bulk_action',
  );
});

test('a key needs the scope that its action needs for one job', async () => {
  const token = await keyFor({ scopes: ['jobs:cancel', 'jobs:read'] });
  const filter = { metadata: { group: 'scopes' } };
  expect((await bulk.start('cancel', filter, { token })).status).toBe(202);
  expect((await bulk.start('retry', filter, { token })).json).toMatchObject({
    code: 'forbidden',
    detail: 'The key does not have the scope runs:write.',
  });
  expect((await bulk.start('redeliver', filter, { token })).status).toBe(403);
  const { json } = await bulk.start('retry', filter);
  const abort = await gateway.call(json.links.abort, { method: 'POST', token });
  expect([abort.status, abort.json.code]).toEqual([403, 'forbidden']);
});

test('the list has pages, newest first; what is unknown or of another tenant is 404', async () => {
  const started: string[] = [];
  for (let count = 0; count < 3; count++) {
    const { json } = await bulk.start('cancel', { metadata: { group: 'pages' } });
    started.push(json.bulk_id);
    await bulk.waitFor(json.bulk_id, isDone);
  }
  const first = (await gateway.call(`${BULK}?limit=2`)).json;
  const second = (await gateway.call(`${BULK}?limit=2&cursor=${first.next_cursor}`)).json;
  const ids = [...first.bulk_actions, ...second.bulk_actions].map(({ bulk_id }) => bulk_id);
  expect(ids.slice(0, 3)).toEqual(started.toReversed());
  expect((await gateway.call(`${BULK}?limit=0&colour=red`)).json.errors.length).toBe(2);
  for (const id of ['x', '019c2f3e-0000-7000-8000-000000000000']) {
    expect((await gateway.call(`${BULK}/${id}`)).json.code).toBe('unknown_bulk_action');
    const abort = await gateway.call(`${BULK}/${id}/abort`, { method: 'POST' });
    expect(abort.json.code).toBe('unknown_bulk_action');
  }
  const { api_key } = await gateway.createKey('other', 'stranger');
  const path = `/v2/tenants/other/bulk-actions`;
  expect((await gateway.call(`${path}/${started[0]}`, { token: api_key })).status).toBe(404);
  expect((await gateway.call(path, { token: api_key })).json.bulk_actions).toEqual([]);
  const ended = await gateway.call(`${BULK}/${started[0]}/abort`, { method: 'POST' });
  expect([ended.status, ended.json.code]).toEqual([409, 'bulk_action_ended']);
});

test('without a read model a bulk action is refused with 503', async () => {
  await using bare = await startTestGateway();
  const answer = await bare.call(BULK, { body: { action: 'cancel', filter: { status: ['queued'] } } });
  expect([answer.status, answer.json.code]).toEqual([503, 'database_unavailable']);
});
