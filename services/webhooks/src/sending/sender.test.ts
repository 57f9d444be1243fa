import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { createAddressRules } from '@errand/runtime';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createEgress } from '../egress/connector.ts';
import { outcomeOf } from './outcome.ts';
import { createSender, type Sender } from './sender.ts';

const LIMITS = {
  timeoutMs: 200,
  maxResponseBytes: 65_536,
  keptResponseBytes: 4,
  connections: 2,
  connect: createEgress({
    allowHttp: true,
    rules: createAddressRules({ allowCidrs: ['127.0.0.0/8'], denyCidrs: [] }),
    resolve: async () => [],
    connectTimeoutMs: 200,
  }),
};

let server: Server;
let sender: Sender;
let answer: RequestListener;

beforeEach(async () => {
  server = createServer((request, response) => answer(request, response)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  sender = createSender(LIMITS);
});

afterEach(async () => {
  await sender.destroy();
  server.closeAllConnections();
  server.close();
});

function send() {
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook?x=1`;
  return sender.send('endpoint', { method: 'POST', url, headers: {}, body: '{}' });
}

test('an answer comes back with its status, its Retry-After and the beginning of its body', async () => {
  answer = (_, response) => response.writeHead(503, { 'retry-after': '7' }).end('ab\0def');
  expect(await send()).toEqual({ kind: 'answered', status: 503, retryAfter: '7', response: 'ab\uFFFDd' });
});

test.each([
  ['HTTP/2', '\x00\x00\x12\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x80'],
  ['SSH', 'SSH-2.0-OpenSSH_9.6\r\n'],
  ['lines without carriage returns', 'HTTP/1.1 200 OK\ncontent-length: 2\n\nok'],
])('a peer that answers with %s does not answer with HTTP/1.1', async (_, bytes) => {
  await using peer = createTcpServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => socket.end(bytes, 'latin1'));
  }).listen(0, '127.0.0.1');
  await once(peer, 'listening');
  const url = `http://127.0.0.1:${(peer.address() as AddressInfo).port}/`;
  const exchange = await sender.send('peer', { method: 'POST', url, headers: {}, body: '{}' });
  if (exchange.kind === 'abandoned') throw new Error('it was abandoned');
  expect(outcomeOf(exchange, { nowMs: 0, maxRetryAfterMs: 0 })).toMatchObject({
    errorCode: 'invalid_response',
  });
});

test('an answer that drips is given up at the timeout', async () => {
  answer = (_, response) => {
    response.writeHead(200);
    const drip = setInterval(() => response.write('.'), 20);
    response.on('close', () => clearInterval(drip));
  };
  expect(await send()).toMatchObject({ kind: 'broken', status: 200, error: { name: 'TimeoutError' } });
});

test('an answer that does not end is read up to the limit, and then its connection is dropped', async () => {
  const dropped = Promise.withResolvers<void>();
  answer = (_, response) => {
    response.writeHead(200);
    const pour = () => {
      while (!response.destroyed && response.write('x'.repeat(10_000)));
    };
    response.on('drain', pour).on('close', dropped.resolve);
    pour();
  };
  expect(await send()).toMatchObject({ kind: 'answered', status: 200, response: 'xxxx' });
  await dropped.promise;
});

test('a body that is compressed is not inflated', async () => {
  answer = (_, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end('not gzip');
  expect(await send()).toMatchObject({ kind: 'answered', response: 'not ' });
});

test('a connection that breaks and a port where nobody listens are errors with their code', async () => {
  answer = (request) => request.socket.destroy();
  expect(await send()).toMatchObject({ kind: 'broken', status: null, error: { code: 'UND_ERR_SOCKET' } });
  const url = 'http://127.0.0.1:1/';
  const refused = await sender.send('other', { method: 'GET', url, headers: {}, body: null });
  expect(refused).toMatchObject({ kind: 'broken', status: null, error: { code: 'ECONNREFUSED' } });
});

test('what destroy cuts off is abandoned, not failed', async () => {
  const arrived = Promise.withResolvers<void>();
  answer = () => arrived.resolve();
  sender = createSender({ ...LIMITS, timeoutMs: 60_000 });
  const sending = send();
  await arrived.promise;
  await sender.destroy();
  expect(await sending).toEqual({ kind: 'abandoned' });
});

test('an endpoint that moves to another origin is called there', async () => {
  answer = (_, response) => response.end('old');
  await send();
  const moved = createServer((_, response) => response.end('new')).listen(0, '127.0.0.1');
  await once(moved, 'listening');
  const url = `http://127.0.0.1:${(moved.address() as AddressInfo).port}/`;
  const exchange = await sender.send('endpoint', { method: 'GET', url, headers: {}, body: null });
  moved.closeAllConnections();
  moved.close();
  expect(exchange).toMatchObject({ kind: 'answered', response: 'new' });
});

test('an endpoint that sends informational answers without end is given up at once', async () => {
  answer = (_, response) => {
    const chat = setInterval(() => response.writeProcessing(), 1);
    response.on('close', () => clearInterval(chat));
  };
  const patient = createSender({ ...LIMITS, timeoutMs: 60_000 });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const sent = await patient.send('endpoint', { method: 'POST', url, headers: {}, body: '{}' });
  expect(sent).toMatchObject({ kind: 'broken', error: { code: 'HPE_TOO_MANY_INFORMATIONAL' } });
  await patient.destroy();
});

test('a request that waits for a connection ends at the timeout too', async () => {
  const never = createSender({ ...LIMITS, connect: () => {} });
  const sent = await never.send('endpoint', {
    method: 'POST',
    url: 'http://127.0.0.1:1/',
    headers: {},
    body: '',
  });
  expect(sent).toMatchObject({ kind: 'broken', status: null, error: { name: 'TimeoutError' } });
  await never.destroy();
});

test('a request that was given up while it waited for a connection is not sent later', async () => {
  const bodies: string[] = [];
  let hangs = true;
  answer = async (request, response) => {
    for await (const chunk of request) bodies.push(`${chunk}`);
    if (!hangs) response.end();
  };
  const narrow = createSender({ ...LIMITS, connections: 1 });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const call = (body: string) => narrow.send('endpoint', { method: 'POST', url, headers: {}, body });
  const sent = await Promise.all([call('first'), call('second')]);
  expect(sent.map(({ kind }) => kind)).toEqual(['broken', 'broken']);
  hangs = false;
  expect(await call('third')).toMatchObject({ kind: 'answered' });
  expect(bodies).toEqual(['first', 'third']);
  await narrow.destroy();
});

test('an endpoint may say 100 Continue before its answer, on a connection that is used again too', async () => {
  answer = (_, response) => {
    response.writeContinue();
    response.writeHead(202).end('ok');
  };
  for (let calls = 0; calls < 2; calls++) {
    expect(await send()).toMatchObject({ kind: 'answered', status: 202, response: 'ok' });
  }
});
