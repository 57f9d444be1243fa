import { waitUntil } from '@errand/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ADMIN_KEY, startTestGateway, type TestGateway } from './gateway.ts';
import { ASKED, requestsOf, SCHEDULES } from './schedules.ts';

/* What callers make, change and read of schedules. Their ticks: schedule-ticks.int.test.ts. */

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startTestGateway({ schedulesPerTenant: 30 });
});
afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
});

const create = (body: object, query = '') =>
  gateway.call(`${SCHEDULES}${query}`, { body: { ...ASKED, ...body } });
const at = (id: string, rest = '') => `${SCHEDULES}/${id}${rest}`;
const change = (id: string, body: object) => gateway.call(at(id), { method: 'PATCH', body });
/** Stands for more than an event may hold. */
const LARGE = '<large>';
const YEARLY = { cron: '0 0 1 1 *' };

async function made(body: object): Promise<string> {
  const answer = await create(body);
  expect(answer.status, answer.text).toBe(201);
  return answer.json.schedule_id;
}

test('a schedule is made with defaults, read, listed and removed', async () => {
  const answer = await create({ cron: '30 6 * * 1-5', time_zone: 'Europe/Berlin', description: 'mornings' });
  expect(answer.status).toBe(201);
  const { schedule_id } = answer.json;
  expect(answer.headers.get('location')).toBe(at(schedule_id));
  expect(answer.json).toMatchObject({
    ...ASKED,
    cron: '30 6 * * 1-5',
    every_s: null,
    external_id: null,
    overlap: 'queue',
    catch_up: 'last',
    spread_s: 0,
    paused: false,
    created_by: 'test key',
    last_tick: null,
    counts: { requested: 0, skipped: 0, missed: 0, refused: 0 },
  });
  expect(Object.keys(answer.json)).not.toContain('actor');
  expect(Date.parse(answer.json.next_at)).toBeGreaterThan(Date.now());
  expect((await gateway.call(at(schedule_id))).json).toEqual(answer.json);
  const listed = await gateway.call(SCHEDULES);
  expect(listed.json.schedules.map((each: { schedule_id: string }) => each.schedule_id)).toContain(
    schedule_id,
  );
  expect((await gateway.call(at(schedule_id), { method: 'DELETE' })).status).toBe(204);
  expect((await gateway.call(at(schedule_id))).json.code).toBe('unknown_schedule');
});

test.each([
  [{}, '#', 'one_of'],
  [{ cron: '* * * * *', every_s: 60 }, '#', 'one_of'],
  [{ every_s: 5 }, '#/every_s', 'minimum'],
  [{ cron: '61 * * * *' }, '#/cron', 'cron'],
  [{ cron: '* * * * *', time_zone: 'Mars/Olympus' }, '#/time_zone', 'time_zone'],
  [{ cron: '0 0 30 2 *' }, '#/cron', 'no_tick'],
  [{ every_s: 60, ends_at: '2020-01-01T00:00:00Z' }, '#/ends_at', 'no_tick'],
  [
    { every_s: 60, starts_at: '2099-01-02T00:00:00Z', ends_at: '2099-01-01T00:00:00Z' },
    '#/ends_at',
    'minimum',
  ],
  [{ ...YEARLY, action: 'unknown' }, '#/action', 'unknown_action'],
  [{ ...YEARLY, resource: {} }, '#/resource/design_id', 'required'],
  [{ ...YEARLY, resource: { design_id: 'd', other: 'x' } }, '#/resource/other', 'unknown_property'],
  [{ ...YEARLY, input: { tilt_deg: 91 } }, '#/input/tilt_deg', 'maximum'],
  [{ ...YEARLY, input: {} }, '#/input/tilt_deg', 'required'],
  [{ ...YEARLY, input: { tilt_deg: 1, _job: {} } }, '#/input/_job', 'unknown_property'],
  [{ ...YEARLY, input: { tilt_deg: 1, anything: LARGE } }, '#/input', 'too_big'],
  [{ ...YEARLY, job: { priority: 10 } }, '#/job/priority', 'maximum'],
  [{ ...YEARLY, job: { start_after: '2099-01-01T00:00:00Z' } }, '#/job/start_after', 'unknown_property'],
  [{ ...YEARLY, job: { finish_by_s: 999_999_999 } }, '#/job/finish_by_s', 'maximum'],
  [{ ...YEARLY, job: { webhook: { url: 'ftp://x' } } }, '#/job/webhook/url', 'format'],
  [{ ...YEARLY, job: { webhook: { url: 'https://u:p@example.org/' } } }, '#/job/webhook/url', 'credentials'],
  [{ ...YEARLY, overlap: 'perhaps' }, '#/overlap', 'enum'],
  [{ ...YEARLY, spread: 1 }, '#/spread', 'unknown_property'],
])('%j is refused at %s', async (body, pointer, code) => {
  const sent = JSON.parse(JSON.stringify(body).replace(LARGE, 'x'.repeat(300_000)));
  const answer = await create(sent);
  expect([answer.status, answer.json.code]).toEqual([422, 'invalid_input']);
  expect(answer.json.errors[0]).toMatchObject({ pointer, code });
  expect((await create(sent, '?validate_only=true')).json.errors).toEqual(answer.json.errors);
});

test('a check tells the next ticks and the clock changes, and makes nothing', async () => {
  const before = (await gateway.call(SCHEDULES)).json.schedules.length;
  const answer = await create({ cron: '30 2 * * *', time_zone: 'Europe/Berlin' }, '?validate_only=true');
  expect(answer.status).toBe(200);
  expect(answer.json.ticks).toHaveLength(10);
  expect(answer.json.clock_changes).toHaveLength(2);
  for (const { ticks } of answer.json.clock_changes) expect(ticks).toHaveLength(1);
  expect((await gateway.call(SCHEDULES)).json.schedules).toHaveLength(before);
});

test('of the same external_id there is one schedule, whoever makes it at once', async () => {
  const body = { ...YEARLY, external_id: 'customer-7' };
  const answers = await Promise.all([create(body), create(body), create(body)]);
  expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 200, 201]);
  const ids = new Set(answers.map(({ json }) => json.schedule_id));
  expect(ids.size).toBe(1);
  const other = await create({ ...body, cron: '0 0 2 1 *' });
  expect([other.status, other.json.code]).toEqual([409, 'schedule_exists']);
  const found = await gateway.call(`${SCHEDULES}?external_id=customer-7`);
  expect(found.json.schedules.map((each: { schedule_id: string }) => each.schedule_id)).toEqual([...ids]);
});

test('a change keeps what is not sent, and another timing counts from now on', async () => {
  const id = await made({ every_s: 3_600, job: { priority: 3 } });
  const changed = await change(id, { cron: '0 12 * * *', input: { tilt_deg: 2 } });
  expect(changed.json).toMatchObject({
    cron: '0 12 * * *',
    every_s: null,
    input: { tilt_deg: 2 },
    job: { priority: 3 },
  });
  expect((await change(id, { cron: null })).json.errors[0]).toMatchObject({ pointer: '#', code: 'one_of' });
  expect((await change(id, { external_id: 'x' })).json.errors[0].code).toBe('unknown_property');
  expect((await change(id, { input: { tilt_deg: 99 } })).json.errors[0].pointer).toBe('#/input/tilt_deg');
  const at = await Promise.all([1, 2, 3, 4].map((n) => change(id, { description: String(n) })));
  expect(at.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
  expect(new Set(at.map(({ json }) => json.updated_at)).size).toBe(4);
});

test('paused, a schedule has no next tick; it runs when it is asked to, once for each Idempotency-Key', async () => {
  const id = await made({ ...YEARLY, paused: true });
  expect((await gateway.call(at(id))).json).toMatchObject({ paused: true, next_at: null });
  const run = () =>
    gateway.call(at(id, '/run'), { method: 'POST', headers: { 'idempotency-key': `run-${id}` } });
  const [first, second] = [await run(), await run()];
  expect([first.status, second.status]).toEqual([202, 202]);
  expect(second.json.job_id).toBe(first.json.job_id);
  const job = (await gateway.call(first.json.links.status)).json;
  expect(job).toMatchObject({ source: 'schedule', schedule: { schedule_id: id } });
  expect(await requestsOf(gateway, id)).toHaveLength(1);
  const resumed = await gateway.call(at(id, '/resume'), { method: 'POST' });
  expect(resumed.json.next_at).not.toBeNull();
  expect((await gateway.call(at(id, '/pause'), { method: 'POST' })).json.next_at).toBeNull();
});

test('pages of schedules follow each other, and a tenant has only so many', async () => {
  const count = async () => (await gateway.call(`${SCHEDULES}?limit=200`)).json.schedules.length;
  for (let left = 30 - (await count()); left > 0; left--) await made(YEARLY);
  expect((await create(YEARLY)).json.code).toBe('too_many_schedules');
  const ids: string[] = [];
  for (let cursor: string | null = ''; cursor !== null; ) {
    const { json } = await gateway.call(`${SCHEDULES}?limit=7${cursor && `&cursor=${cursor}`}`);
    ids.push(...json.schedules.map((each: { schedule_id: string }) => each.schedule_id));
    cursor = json.next_cursor;
  }
  expect(ids).toEqual(ids.toSorted());
  expect(new Set(ids).size).toBe(30);
  const limits = { limits: { schedules: 31 } };
  await gateway.call('/admin/tenants/acme', { method: 'PUT', token: ADMIN_KEY, body: limits });
  await waitUntil(async () => (await create(YEARLY)).status === 201);
});

test('all schedules of a tenant together are only so large', async () => {
  const { api_key: token } = await gateway.createKey('large', 'key');
  const limits = { limits: { schedules: 100 } };
  await gateway.call('/admin/tenants/large', { method: 'PUT', token: ADMIN_KEY, body: limits });
  const path = '/v2/tenants/large/schedules';
  const large = { tilt_deg: 1, anything: 'x'.repeat(260_000) };
  const post = (input: object) => gateway.call(path, { token, body: { ...ASKED, ...YEARLY, input } });
  await waitUntil(async () => (await post(ASKED.input)).status === 201);
  const small = (await post(ASKED.input)).json.schedule_id;
  for (let count = 0; count < 32; count++) expect((await post(large)).status).toBe(201);
  const refused = { code: 'too_many_schedules', detail: expect.stringContaining('8388608 bytes') };
  expect((await post(large)).json).toMatchObject(refused);
  const changed = (body: object) => gateway.call(`${path}/${small}`, { method: 'PATCH', token, body });
  expect((await changed({ input: large })).json).toMatchObject(refused);
  expect((await changed({ description: 'small' })).status).toBe(200);
});

test('a key for some jobs has no schedules, and what is none is unknown', async () => {
  const key = await gateway.call('/admin/tenants/acme/keys', {
    token: ADMIN_KEY,
    body: { name: 'limited', actions: ['simulate'] },
  });
  const limited = await gateway.call(SCHEDULES, { token: key.json.api_key });
  expect(limited.json.code).toBe('forbidden');
  for (const id of ['sch_1', `sch_${'0'.repeat(32)}`, 'acme.sch_x']) {
    expect((await gateway.call(at(id))).json.code).toBe('unknown_schedule');
  }
});

test('changes of schedules are recorded, without what they ask for', async () => {
  const id = (await gateway.call(SCHEDULES)).json.schedules[0].schedule_id;
  await change(id, { description: 'recorded' });
  const audit = await gateway.call('/admin/audit/entries?tenant=acme&type=ConfigChanged&limit=200', {
    token: ADMIN_KEY,
  });
  const own = audit.json.entries.filter((each: { text?: string }) => JSON.stringify(each).includes(id));
  expect(own.length).toBeGreaterThanOrEqual(2);
  expect(JSON.stringify(own)).not.toContain('tilt_deg');
  expect(await gateway.bus.config.differences('acme')).toEqual([]);
});
