import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createKeyUsage } from '../src/load/key-usage.ts';
import { ADMIN_KEY, RUN_PATH, SIMULATE, startTestGateway, TENANT, type TestGateway } from './gateway.ts';
import { createAttacker, namedFirst } from './usage.ts';

/* What a gateway tells of its keys names the one that costs it most. */

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startTestGateway();
});
afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
});

async function usage() {
  return (await gateway.call('/admin/usage', { token: ADMIN_KEY })).json;
}

test('the key whose requests keep the process, or bring many bytes, comes first', async () => {
  const { key_id, api_key } = await gateway.createKey(TENANT, 'heavy');
  for (let count = 0; count < 20; count++) await gateway.call(RUN_PATH, { body: { tilt_deg: 1 } });
  const _job = Object.fromEntries(Array.from({ length: 1_000 }, (_, at) => [`x${at}`, 0]));
  const body = { items: Array.from({ length: 300 }, () => ({ _job })) };
  await gateway.call(RUN_PATH.replace(/run$/, 'run-batch'), { body, token: api_key });
  await expect.poll(async () => (await usage()).keys[0].key_id).toBe(key_id);
  const { keys, others } = await usage();
  expect(keys[0]).toMatchObject({ tenant_id: TENANT, name: 'heavy', requests: 1, refused: 0, under_way: 0 });
  expect(keys[0].busy_ms).toBeGreaterThan(keys[1].busy_ms);
  expect(keys[0].bytes_in).toBeGreaterThan(JSON.stringify(body).length);
  expect(keys[1]).toMatchObject({ name: 'test key', requests: 20 });
  expect(keys[0]).not.toHaveProperty('created_at');
  expect(others.requests).toBe(0);
});

test('waits of a key are told by their number and their connections, here and as metrics', async () => {
  const { key_id, api_key } = await gateway.createKey(TENANT, 'waiting');
  const { json } = await gateway.call(RUN_PATH, { body: { tilt_deg: 1 } });
  const request =
    `GET /v2/tenants/${TENANT}/jobs/${json.job_id}?wait=60 HTTP/1.1\r\nhost: a\r\n` +
    `authorization: Bearer ${api_key}\r\n\r\n`;
  const sockets = [1, 2].map(() => connect(Number(new URL(gateway.url).port), '127.0.0.1'));
  for (const socket of sockets) socket.write(request.repeat(5));
  const ofKey = async () => (await usage()).keys.find((each: { key_id: string }) => each.key_id === key_id);
  await expect.poll(ofKey).toMatchObject({ under_way: 10, connections: 2 });
  const { text } = await gateway.call('/metrics');
  const labels = `tenant="${TENANT}",key="${key_id.slice(0, 12)}",service="gateway"`;
  expect(text).toContain(`errand_key_requests_under_way{${labels}} 10\n`);
  for (const socket of sockets) socket.destroy();
  await expect.poll(ofKey).toMatchObject({ requests: 10, under_way: 0, connections: 0 });
});

/** How many connections have brought a key, or none. */
async function connections(key: 'any' | 'none'): Promise<number> {
  const { text } = await gateway.call('/metrics');
  return Number(new RegExp(`^errand_connections\\{key="${key}",.*\\} (\\d+)$`, 'm').exec(text)?.[1]);
}

/** So many connections that have sent nothing yet, all of them taken by the gateway. */
async function openConnections(count: number): Promise<Socket[]> {
  const before = await connections('none');
  const sockets = Array.from({ length: count }, () =>
    connect(Number(new URL(gateway.url).port), '127.0.0.1').on('error', () => {}),
  );
  await expect.poll(() => connections('none'), { timeout: 10_000 }).toBe(before + count);
  return sockets;
}

test('requests that an overload refuses count for their key', async () => {
  const names = Array.from({ length: 300 }, (_, at) => `n${at}`);
  const input_schema = { type: 'object', allOf: names.map(() => ({ required: names })) };
  await gateway.announce({ ...SIMULATE, name: 'strict', input_schema });
  const path = RUN_PATH.replace('simulate', 'strict');
  await expect.poll(async () => (await gateway.call(path, { body: {} })).status).toBe(422);
  const attacker = await createAttacker(gateway);
  const sockets = await openConnections(500);
  const request =
    `POST ${path} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer ${attacker.api_key}\r\n` +
    'content-type: application/json\r\ncontent-length: 2\r\n\r\n{}';
  const answers = Promise.all(sockets.map((socket) => once(socket, 'data')));
  for (const socket of sockets) socket.write(request);
  const refused = (await answers).filter(([answer]) => String(answer).startsWith('HTTP/1.1 503 ')).length;
  expect(refused).toBeGreaterThan(0);
  expect((await namedFirst(gateway, attacker)).attacker).toMatchObject({ requests: 500, refused });
  for (const socket of sockets) socket.destroy();
});

test('connections that say nothing are counted as such, beside those of keys', async () => {
  await gateway.call(`/v2/tenants/${TENANT}/actions`);
  const before = await connections('none');
  expect(await connections('any')).toBeGreaterThan(0);
  const sockets = await openConnections(2_000);
  sockets[0]?.write(
    `GET /v2/tenants/${TENANT}/actions HTTP/1.1\r\nhost: a\r\nauthorization: Bearer ${gateway.apiKey}\r\n\r\n`,
  );
  await expect.poll(() => connections('none')).toBe(before + 1_999);
  for (const socket of sockets) socket.destroy();
  await expect.poll(() => connections('none')).toBe(before);
});

const UNDESCRIBED = () => ({ tenant_id: '', name: '' });

test('however many keys there are, ten are named and the others are told together, for two minutes', () => {
  const clock = { ms: 0 };
  const tallies = createKeyUsage(() => clock.ms);
  for (let key = 0; key < 5_000; key++) tallies.add(`k${key}`, { requests: 1, busy_ms: key === 7 ? 9 : 1 });
  const report = () => tallies.report(new Map(), UNDESCRIBED);
  expect(report().keys).toHaveLength(10);
  expect(report().keys[0]).toMatchObject({ key_id: 'k7', busy_ms: 9 });
  expect(report().others.requests).toBe(4_990);
  clock.ms = 60_000;
  expect(report().keys[0]?.key_id).toBe('k7');
  clock.ms = 120_000;
  expect(report().keys).toEqual([]);
});
