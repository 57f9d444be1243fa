import { once } from 'node:events';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { PROJECTION_READER } from '@errand/contracts';
import { openLogPosition } from '@errand/postgres';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ADMIN_KEY, RUN_PATH, startTestGateway, TENANT, type TestGateway } from './gateway.ts';
import { openReadModel } from './read-model.ts';
import { createAttacker, namedFirst } from './usage.ts';

/* What a key may have under way, and that all of it ends with the key. */

const MAX = 150;
let gateway: TestGateway;
let other: AsyncDisposable & { url: string };
beforeAll(async () => {
  gateway = await startTestGateway({ requestsPerKey: MAX });
  await using model = openReadModel(gateway);
  await model.migrate();
  // As if a projection had run.
  await openLogPosition(model.db, { reader: PROJECTION_READER.name, holder: 'test' }).begin(0);
  other = await gateway.another();
});
afterAll(async () => {
  await other?.[Symbol.asyncDispose]();
  await gateway?.[Symbol.asyncDispose]();
});

/** How many requests of both gateways wait. */
async function waits(url = gateway.url): Promise<number> {
  const metrics = await (await fetch(`${url}/metrics`)).text();
  return Number(/^errand_job_waits\{.*\} (\d+)$/m.exec(metrics)?.[1]);
}

/** The path of a job that does not end. */
async function runJob(): Promise<string> {
  const { json } = await gateway.call(RUN_PATH, { body: { tilt_deg: 1 } });
  return `/v2/tenants/${TENANT}/jobs/${json.job_id}`;
}

test('streams and waits end with their key, on every gateway, and other keys go on', async () => {
  const { key_id, api_key } = await gateway.createKey(TENANT, 'leaked');
  const job = await runJob();
  const events = `${job}/events`;
  const headers = { authorization: `Bearer ${api_key}` };
  const sse = { ...headers, accept: 'text/event-stream' };
  const own = await fetch(gateway.url + events, {
    headers: { ...sse, authorization: `Bearer ${gateway.apiKey}` },
  });
  const streams: Response[] = [];
  const waiting: Promise<Response>[] = [];
  for (const url of [gateway.url, other.url]) {
    streams.push(await fetch(url + events, { headers: sse }));
    streams.push(await fetch(`${url}/v2/tenants/${TENANT}/events?after=latest`, { headers: sse }));
    waiting.push(fetch(`${url}${job}?wait=60`, { headers }));
    waiting.push(fetch(`${url}/v2/tenants/${TENANT}/events?after=latest&wait=60`, { headers }));
    const run = { method: 'POST', body: '{"tilt_deg":1}' };
    const runHeaders = { ...headers, prefer: 'wait=60', 'content-type': 'application/json' };
    waiting.push(fetch(url + RUN_PATH, { ...run, headers: runHeaders }));
  }
  expect(streams.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
  await expect.poll(() => waits()).toBe(4);
  await expect.poll(() => waits(other.url)).toBe(3);
  const ended = Promise.all(streams.map((stream) => stream.text().catch(() => 'cut off')));
  await gateway.call(`/admin/keys/${key_id}`, { method: 'DELETE', token: ADMIN_KEY });
  await ended;
  const answers = await Promise.all(waiting);
  expect(answers.map(({ status }) => status)).toEqual([401, 401, 202, 401, 401, 202]);
  await expect.poll(() => waits(other.url)).toBe(0);
  expect(await waits()).toBe(1);
  await own.body?.cancel();
});

test('a key has so many requests under way, and more when others are over', async () => {
  const { api_key } = await gateway.createKey(TENANT, 'greedy');
  const headers = { authorization: `Bearer ${api_key}` };
  const job = await runJob();
  const stop = new AbortController();
  const waiting = Array.from({ length: MAX }, () =>
    fetch(`${gateway.url}${job}?wait=60`, { headers, signal: stop.signal }).catch(() => undefined),
  );
  await expect.poll(() => waits(), { timeout: 10_000 }).toBe(MAX);
  const refused = await gateway.call(job, { token: api_key });
  expect([refused.status, refused.json.code, refused.headers.get('retry-after')]).toEqual([
    429,
    'too_many_requests',
    '1',
  ]);
  expect((await gateway.call(job)).status).toBe(200);
  stop.abort();
  await Promise.all(waiting);
  await expect.poll(async () => (await gateway.call(job, { token: api_key })).status).toBe(200);
});

test('waits that a connection has pipelined are bounded, and end with it', async () => {
  const job = await runJob();
  const attacker = await createAttacker(gateway);
  const request =
    `GET ${job}?wait=60 HTTP/1.1\r\nhost: a\r\n` + `authorization: Bearer ${attacker.api_key}\r\n\r\n`;
  const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1');
  socket.on('error', () => {});
  socket.write(request.repeat(110));
  await expect.poll(() => waits(), { timeout: 10_000 }).toBe(100);
  expect((await namedFirst(gateway, attacker)).attacker).toMatchObject({ under_way: 100, connections: 1 });
  socket.destroy();
  await expect.poll(() => waits()).toBe(0);
  const flooding = await createAttacker(gateway);
  const flood = connect(Number(new URL(gateway.url).port), '127.0.0.1');
  flood.on('error', () => {});
  flood.write(request.replace(attacker.api_key, flooding.api_key).repeat(20_000));
  await new Promise((resolve) => flood.once('close', resolve));
  await expect.poll(() => waits()).toBe(0);
  expect((await namedFirst(gateway, flooding)).attacker).toMatchObject({ requests: 100, under_way: 0 });
  expect((await gateway.call(job)).status).toBe(200);
});

test('connections that say nothing are closed in time, and those that are too many at once', async () => {
  await using small = await gateway.another({ maxConnections: 10, bodyTimeoutMs: 500 });
  const port = Number(new URL(small.url).port);
  const silent = [];
  for (let count = 0; count < 11; count++) {
    const socket = connect(port, '127.0.0.1').on('error', () => {});
    await once(socket, 'connect');
    silent.push(text(socket));
  }
  const heard = await Promise.all(silent);
  expect(heard.filter((each) => each.includes('"code":"slow_request"'))).toHaveLength(10);
  expect(heard[10]).toBe('');
});

/** Sends bytes as they are and resolves with all that comes back. */
async function send(bytes: string): Promise<string> {
  const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1');
  socket.write(bytes);
  return text(socket);
}

test.each([
  ['two Host headers', 'GET /docs HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n', 400, 'malformed_request'],
  ['no Host header', 'GET /docs HTTP/1.1\r\n\r\n', 400, 'malformed_request'],
  ['what is not HTTP', 'what?\r\n\r\n', 400, 'malformed_request'],
  [
    'an unknown expectation',
    'GET /docs HTTP/1.1\r\nhost: a\r\nexpect: more\r\n\r\n',
    417,
    'unknown_expectation',
  ],
])('%s are answered with a problem document', async (_, bytes, status, code) => {
  const [head = '', body = ''] = (await send(bytes)).split('\r\n\r\n');
  expect(head).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
  expect(head).toMatch(/^content-type: application\/problem\+json$/im);
  expect(JSON.parse(body)).toMatchObject({ status, code });
});
