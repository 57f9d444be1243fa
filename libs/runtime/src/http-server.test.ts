import { once } from 'node:events';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type HttpServer, serveHttp } from './http-server.ts';

let server: HttpServer;
let release: () => void;

const options = {
  host: '127.0.0.1',
  port: 0,
  graceMs: 60_000,
  fetch: async () => {
    await new Promise<void>((resolve) => {
      release = resolve;
    });
    return new Response('done');
  },
  onBrokenRequest: (status: number) => new Response(`broken ${status}`, { status, headers: { 'x-a': 'b' } }),
};

beforeAll(async () => {
  server = await serveHttp({ ...options, fetch: () => new Response('ok') });
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

/** Sends bytes as they are and resolves with all that comes back. */
async function send(bytes: string): Promise<string> {
  const socket = connect(server.port, '127.0.0.1');
  socket.write(bytes);
  return text(socket);
}

test('a request is answered', async () => {
  const answer = await send('GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n');
  expect(answer).toMatch(/^HTTP\/1.1 200 OK\r\n(.|\s)*ok$/);
});

test.each([
  ['a malformed Host', 'GET / HTTP/1.1\r\nhost: a b\r\nconnection: close\r\n\r\n', 400],
  ['a backslash in the path', 'GET /a\\b HTTP/1.1\r\nhost: [::1]\r\nconnection: close\r\n\r\n', 400],
  ['what is not HTTP', 'what?\r\n\r\n', 400],
  ['headers that are too large', `GET / HTTP/1.1\r\nhost: a\r\nx: ${'x'.repeat(20_000)}\r\n\r\n`, 431],
])('%s is answered in the words of the caller', async (_, bytes, status) => {
  const answer = await send(bytes);
  expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} \\w`));
  expect(answer).toMatch(/^x-a: b\r$/im);
  expect(answer.endsWith(`broken ${status}`)).toBe(true);
});

test('a stop waits for the request under way and then for nothing', async () => {
  await using stopping = await serveHttp(options);
  const answering = fetch(`http://127.0.0.1:${stopping.port}/`);
  await expect.poll(() => release !== undefined).toBe(true);
  const stopped = stopping[Symbol.asyncDispose]();
  release();
  expect(await (await answering).text()).toBe('done');
  await stopped;
});

test('a connection is kept for as long as it is said, and headers may take longer', async () => {
  await using kept = await serveHttp({ ...options, fetch: () => new Response('ok'), keepAliveMs: 75_000 });
  const socket = connect(kept.port, '127.0.0.1');
  socket.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
  const [head] = await once(socket, 'data');
  expect(String(head)).toMatch(/^keep-alive: timeout=75\r$/im);
  socket.destroy();
});
