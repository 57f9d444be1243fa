import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import { acceptContinue } from './accept-continue.ts';

acceptContinue();

const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n';
const ANSWER = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok';

/** A server that answers each request in these pieces, each in its own packet as far as the network allows. */
async function answering(pieces: readonly string[]): Promise<{ url: string } & Disposable> {
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('data', async () => {
      for (const piece of pieces) {
        socket.write(piece);
        await new Promise((resolve) => setImmediate(resolve));
      }
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    [Symbol.dispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

const texts = async (url: string) => {
  const told: string[] = [];
  // The second one goes over the same connection.
  for (let calls = 0; calls < 2; calls++) told.push(await (await fetch(url)).text());
  return told;
};

test.each([
  ['none', [ANSWER]],
  ['one', [CONTINUE + ANSWER]],
  ['one in a packet of its own', [CONTINUE, ANSWER]],
  ['one letter by letter', [...CONTINUE, ANSWER]],
  ['several, one with headers', [CONTINUE, 'HTTP/1.1 100 Go On\r\nx: y\r\n\r\n', ANSWER]],
  [
    'one and another informational answer',
    [`${CONTINUE}HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n`, ANSWER],
  ],
])('an answer comes through after 100 Continue: %s', async (_, pieces) => {
  using server = await answering(pieces);
  expect(await texts(server.url)).toEqual(['ok', 'ok']);
});

test('a body that looks like it is left alone', async () => {
  const body = `${CONTINUE}x`;
  using server = await answering([`HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n`, body]);
  expect(await texts(server.url)).toEqual([body, body]);
});

test('an endpoint that says nothing else is given up', async () => {
  using server = await answering(Array.from({ length: 1_000 }, () => CONTINUE));
  await expect(fetch(server.url)).rejects.toThrow('fetch failed');
});
