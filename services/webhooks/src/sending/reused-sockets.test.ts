import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { createAddressRules } from '@errand/runtime';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createEgress } from '../egress/connector.ts';
import { createSender, type Sender } from './sender.ts';

/* A server of bare TCP, which may close a connection at any moment of a request. */

const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok';

let server: Server;
let sender: Sender;
/** For each connection, the number of requests that came over it. */
let connections: number[];
/** What is done with a request: the n-th, from 1, of its connection, which is the m-th, from 1. */
let respond: (socket: Socket, request: number, connection: number) => void;

beforeEach(async () => {
  connections = [];
  server = createServer((socket) => {
    const connection = connections.push(0);
    socket.on('error', () => {});
    socket.on('data', () => {
      const request = ++(connections as [number, ...number[]])[(connection - 1) as 0];
      respond(socket, request, connection);
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  sender = createSender({
    timeoutMs: 500,
    maxResponseBytes: 100,
    keptResponseBytes: 100,
    connections: 1,
    connect: createEgress({
      allowHttp: true,
      rules: createAddressRules({ allowCidrs: ['127.0.0.0/8'], denyCidrs: [] }),
      resolve: async () => [],
      connectTimeoutMs: 500,
    }),
  });
});

afterEach(async () => {
  await sender.destroy();
  server.close();
});

function send() {
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  return sender.send('endpoint', { method: 'POST', url, headers: {}, body: '{}' });
}

test.each([
  ['ends', (socket: Socket) => socket.end()],
  ['resets', (socket: Socket) => socket.resetAndDestroy()],
])('a request that arrives as the endpoint %s an idle connection is sent again', async (_, close) => {
  respond = (socket, request) => (request === 1 ? socket.write(OK) : close(socket));
  expect(await send()).toMatchObject({ kind: 'answered', status: 200 });
  expect(await send()).toMatchObject({ kind: 'answered', status: 200, response: 'ok' });
  expect(connections).toEqual([2, 1]);
});

test('it is sent again once only', async () => {
  respond = (socket, request, connection) => {
    if (request === 1 && connection === 1) socket.write(OK);
    else socket.resetAndDestroy();
  };
  await send();
  expect(await send()).toMatchObject({ kind: 'broken', status: null });
  expect(connections).toEqual([2, 1]);
});

test('a request that is lost on a connection of its own is not sent again', async () => {
  respond = (socket) => socket.resetAndDestroy();
  expect(await send()).toMatchObject({ kind: 'broken', status: null });
  expect(connections).toEqual([1]);
});

test('a request that was answered with a single byte is not sent again', async () => {
  respond = (socket, request) => {
    if (request === 1) socket.write(OK);
    else socket.write('H', () => socket.end());
  };
  await send();
  expect(await send()).toMatchObject({ kind: 'broken', status: null });
  expect(connections).toEqual([2]);
});

test('a request that gets no answer on a connection that was used before is not sent again', async () => {
  respond = (socket, request) => request === 1 && socket.write(OK);
  await send();
  expect(await send()).toMatchObject({ kind: 'broken', error: { name: 'TimeoutError' } });
  expect(connections).toEqual([2]);
});
