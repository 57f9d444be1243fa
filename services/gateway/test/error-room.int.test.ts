import { InputError, Problem } from '@errand/contracts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ADMIN_KEY, RUN_PATH, SIMULATE, startTestGateway, TENANT, type TestGateway } from './gateway.ts';
import { createAttacker, namedFirst } from './usage.ts';

/* However much is wrong with a request, its answer is small and costs little. */

const BATCH_PATH = RUN_PATH.replace(/run$/, 'run-batch');
/** What the errors of an answer may have, and what is around them. */
const MAX_ANSWER_CHARACTERS = 262_144 + 200_000;

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startTestGateway();
});
afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
});

const members = (count: number, name = 'x') =>
  Object.fromEntries(Array.from({ length: count }, (_, at) => [`${name}${at}`, 0]));

/** The CPU time of this process, in which the gateway runs, in milliseconds. */
async function cpuMsOf<T>(call: () => Promise<T>): Promise<{ value: T; cpuMs: number }> {
  const before = process.cpuUsage();
  const value = await call();
  const { user, system } = process.cpuUsage(before);
  return { value, cpuMs: (user + system) / 1_000 };
}

test('the same holds for a batch without a right item', async () => {
  const items = Array.from({ length: 900 }, () => ({ _job: members(1_000) }));
  const answer = await gateway.call(BATCH_PATH, { body: { items } });
  expect([answer.status, answer.json.errors.length, answer.json.more_errors]).toEqual([422, 1_000, true]);
  expect(answer.text.length).toBeLessThan(MAX_ANSWER_CHARACTERS);
});

test('names as long as the body are left out of the answer', async () => {
  const items = [{ tilt_deg: 1 }, { tilt_deg: 1, ['é'.repeat(400_000)]: 1 }, { colour: 1 }];
  const { json } = await gateway.call(BATCH_PATH, { body: { items } });
  expect(json.items[1]).toEqual({ index: 1, errors: [] });
  expect(InputError.array().parse(json.items[2].errors)).not.toEqual([]);
  expect(json.more_errors).toBe(true);
});

const HEADERS = Object.fromEntries(Array.from({ length: 20_000 }, (_, at) => [`bad ${at}`, 'v']));
const MANY_PARAMETERS = Array.from({ length: 3_000 }, (_, at) => at.toString(36)).join('&');
test.each<[string, string, object]>([
  ['options of a run', RUN_PATH, { body: { tilt_deg: 1, _job: members(50_000) } }],
  ['members of a webhook endpoint', `/v2/tenants/${TENANT}/webhooks`, { body: members(50_000) }],
  [
    'secret headers of a webhook endpoint',
    `/v2/tenants/${TENANT}/webhooks`,
    { body: { url: 'https://a.example', secret_headers: HEADERS } },
  ],
  ['members of a key', `/admin/tenants/${TENANT}/keys`, { body: members(50_000), token: ADMIN_KEY }],
  ['metadata of a run', RUN_PATH, { body: { tilt_deg: 1, _job: { metadata: members(20_000, ' ') } } }],
  ['parameters of a list', `/v2/tenants/${TENANT}/jobs?${MANY_PARAMETERS}`, {}],
  ['parameters of the feed', `/v2/tenants/${TENANT}/events?${MANY_PARAMETERS}`, {}],
  ['parameters of a run', `${RUN_PATH}?${MANY_PARAMETERS}`, { body: {} }],
  ['parameters of an export', `/admin/audit?${MANY_PARAMETERS}`, { token: ADMIN_KEY }],
])('of many unknown %s a thousand are named', async (_, path, options) => {
  const answer = await gateway.call(path, options);
  const problem = Problem.parse(answer.json);
  expect(problem).toMatchObject({ status: 422, more_errors: true });
  expect(problem.errors?.length).toBe(1_000);
  expect(answer.text.length).toBeLessThan(MAX_ANSWER_CHARACTERS);
});

test('a batch with 900,000 unknown options is answered with a thousand errors at most', async () => {
  const wrong = { tilt_deg: 1, _job: members(1_000) };
  const body = JSON.stringify({ items: [{ tilt_deg: 1 }, ...Array.from({ length: 900 }, () => wrong)] });
  const attacker = await createAttacker(gateway);
  const batch = () => gateway.call(BATCH_PATH, { body, token: attacker.api_key });
  const { value: answer, cpuMs } = await cpuMsOf(batch);
  expect(answer.status).toBe(202);
  expect(answer.text.length).toBeLessThan(MAX_ANSWER_CHARACTERS);
  const { accepted, rejected, items, more_errors } = answer.json;
  expect({ accepted, rejected, more_errors }).toEqual({ accepted: 1, rejected: 900, more_errors: true });
  const counts = items.slice(1).map((item: { errors: unknown[] }) => item.errors.length);
  expect([Math.min(...counts), Math.max(...counts)]).toEqual([1, 100]);
  expect(cpuMs).toBeLessThan(2_500);
  await namedFirst(gateway, attacker);
});

test('what is wrong with all items of a batch costs what one may cost', async () => {
  const names = Array.from({ length: 300 }, (_, at) => `n${at}`);
  const input_schema = { type: 'object', allOf: names.map(() => ({ required: names })) };
  await gateway.announce({ ...SIMULATE, name: 'strict', input_schema });
  const path = BATCH_PATH.replace('simulate', 'strict');
  await expect.poll(async () => (await gateway.call(path, { body: {} })).status).toBe(422);
  const attacker = await createAttacker(gateway);
  const body = { items: Array.from({ length: 80 }, () => ({})) };
  const batch = () => gateway.call(path, { body, token: attacker.api_key });
  const { value: answer, cpuMs } = await cpuMsOf(batch);
  expect(answer.status).toBe(422);
  expect(answer.json.errors.length).toBeGreaterThanOrEqual(80);
  expect(cpuMs).toBeLessThan(1_500);
  await namedFirst(gateway, attacker);
});

test('a text that is too long for its pattern is pointed to, of a run and of an item', async () => {
  const input_schema = {
    type: 'object',
    properties: { text: { type: 'string', pattern: '<[^>]{1,200}/>' } },
  };
  await gateway.announce({ ...SIMULATE, name: 'match', input_schema });
  const path = RUN_PATH.replace('simulate', 'match');
  await expect.poll(async () => (await gateway.call(path, { body: { text: 1 } })).status).toBe(422);
  const attacker = await createAttacker(gateway);
  const text = '<'.repeat(900_000);
  const { value, cpuMs } = await cpuMsOf(() =>
    gateway.call(path, { body: { text }, token: attacker.api_key }),
  );
  const problem = Problem.parse(value.json);
  const detail = 'is too long, together with earlier texts, for the patterns they must match';
  expect([problem.status, problem.code]).toEqual([422, 'invalid_input']);
  expect(problem.errors).toEqual([{ pointer: '#/text', code: 'too_costly', detail }]);
  expect(cpuMs).toBeLessThan(1_000);
  await namedFirst(gateway, attacker);
  const items = await gateway.call(`${path}-batch`, { body: { items: [{ text }] } });
  expect(items.json.errors).toEqual([{ pointer: '#/items/0/text', code: 'too_costly', detail }]);
});
