import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestGateway, type TestGateway } from './gateway.ts';

const PATH = '/v2/tenants/acme/webhooks';
const FILTERS = { actions: ['simulate'], metadata: { order: '7' }, max_rps: 5, max_concurrency: 2 };
const NO_FILTERS = { actions: null, metadata: null, max_rps: null, max_concurrency: null };
let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startTestGateway();
});

afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
});

const create = (body: object) =>
  gateway.call(PATH, { body: { url: 'https://hooks.example.com/in', ...body } });
const patch = (id: string, body: object) => gateway.call(`${PATH}/${id}`, { method: 'PATCH', body });
const pointersOf = (answer: { json: { errors?: { pointer: string }[] } }) =>
  answer.json.errors?.map(({ pointer }) => pointer);

test('an endpoint may ask for some actions, some metadata and a pace, and stop asking', async () => {
  const { json } = await create({ ...FILTERS, actions: ['simulate', 'simulate'] });
  expect(json).toMatchObject(FILTERS);
  expect((await patch(json.endpoint_id, { description: 'x' })).json).toMatchObject(FILTERS);
  expect((await patch(json.endpoint_id, { max_rps: null, metadata: {} })).json).toMatchObject({
    ...FILTERS,
    max_rps: null,
    metadata: {},
  });
  expect((await patch(json.endpoint_id, NO_FILTERS)).json).toMatchObject(NO_FILTERS);
  expect((await gateway.call(`${PATH}/${json.endpoint_id}`)).json).toMatchObject(NO_FILTERS);
});

test('each wrong filter is named', async () => {
  const wrong = { actions: ['No'], metadata: { a: 1 }, max_rps: 0, max_concurrency: 65, event_types: [] };
  const answer = await create(wrong);
  expect([answer.status, pointersOf(answer)?.sort()]).toEqual([
    422,
    ['#/actions/0', '#/event_types', '#/max_concurrency', '#/max_rps', '#/metadata/a'],
  ]);
});

test('an endpoint may ask for all endings and for news of other endpoints', async () => {
  const { json } = await create({ event_types: ['job.*', 'webhook.disabled', 'webhook.*', 'job.*'] });
  expect(json.event_types).toEqual(['job.*', 'webhook.disabled', 'webhook.*']);
});

test('an endpoint that is called by GET cannot hear of other endpoints', async () => {
  const asked = ['job.*', 'job.*', 'webhook.failing', 'webhook.*'];
  const refused = await create({ method: 'GET', event_types: asked });
  expect([refused.status, pointersOf(refused)]).toEqual([422, ['#/event_types/2', '#/event_types/3']]);
  const { json } = await create({ event_types: ['webhook.*'] });
  expect(pointersOf(await patch(json.endpoint_id, { method: 'GET' }))).toEqual(['#/event_types/0']);
  const both = { method: 'GET', event_types: ['job.failed'] };
  expect((await patch(json.endpoint_id, both)).status).toBe(200);
});

test('results are asked for with include, by endpoints that get a body', async () => {
  const refused = await create({ method: 'GET', include: ['results'] });
  expect([refused.status, pointersOf(refused)]).toEqual([422, ['#/include']]);
  expect(pointersOf(await create({ include: ['input'] }))).toEqual(['#/include/0']);
  const { json } = await create({ include: ['results', 'results'] });
  expect(json.include).toEqual(['results']);
  expect(pointersOf(await patch(json.endpoint_id, { method: 'GET' }))).toEqual(['#/include']);
  expect((await patch(json.endpoint_id, { include: null })).json.include).toBeNull();
});

test.each(['https://example.com/a b', 'https://example.com/a\\b', 'https://example.com/#<JOB_ID>'])(
  '%s is no URL of an endpoint',
  async (url) => {
    expect(pointersOf(await create({ url, method: 'GET' }))).toEqual(['#/url']);
  },
);

test('pausing twice changes nothing the second time; resuming makes another version each time', async () => {
  const { json: created } = await create(FILTERS);
  const own = `${PATH}/${created.endpoint_id}`;
  const post = async (verb: string) => (await gateway.call(`${own}/${verb}`, { method: 'POST' })).json;
  const paused = await post('pause');
  expect(paused).toMatchObject({ ...FILTERS, enabled: false });
  expect(await post('pause')).toEqual(paused);
  const resumed = await post('resume');
  expect(resumed).toMatchObject({ ...FILTERS, enabled: true });
  const again = await post('resume');
  expect(again).toEqual({ ...resumed, updated_at: again.updated_at });
  expect(again.updated_at > resumed.updated_at).toBe(true);
  const unknown = `${PATH}/whe_${'0'.repeat(32)}/pause`;
  expect((await gateway.call(unknown, { method: 'POST' })).json.code).toBe('unknown_endpoint');
  expect((await gateway.call(`${own}/pause`)).status).toBe(405);
});

test('changes of different members that meet are all made', async () => {
  const { json } = await create({});
  await Promise.all([
    patch(json.endpoint_id, { description: 'both' }),
    patch(json.endpoint_id, { max_rps: 3 }),
    patch(json.endpoint_id, { secret_headers: { 'x-a': '1' } }),
    patch(json.endpoint_id, { secret_headers: { 'x-b': '2' } }),
    gateway.call(`${PATH}/${json.endpoint_id}/pause`, { method: 'POST' }),
  ]);
  const { json: now } = await gateway.call(`${PATH}/${json.endpoint_id}`);
  expect(now).toMatchObject({ description: 'both', max_rps: 3, enabled: false });
  expect(now.secret_headers.map(({ name }: { name: string }) => name).sort()).toEqual(['x-a', 'x-b']);
});
