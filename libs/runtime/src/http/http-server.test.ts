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

test('a connection is kept for as long as configured, and headers may take longer', async () => {
  await using kept = await serveHttp({ ...options, fetch: () => new Response('ok'), keepAliveMs: 75_000 });
  const socket = connect(kept.port, '127.0.0.1');
  socket.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
  const [head] = await once(socket, 'data');
  expect(String(head)).toMatch(/^keep-alive: timeout=75\r$/im);
  socket.destroy();
});

const head = 'GET / HTTP/1.1\r\nhost: a\r\n';

test.each([
  ['two Host headers', `${head}Host: b\r\n\r\n`, 400],
  ['no Host header', 'GET / HTTP/1.1\r\nconnection: close\r\n\r\n', 400],
  ['an expectation that nobody knows', `${head}expect: 200-ok\r\n\r\n`, 417],
])('%s are refused in the words of the caller', async (_, bytes, status) => {
  const answer = await send(bytes);
  expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} \\w`));
  expect(answer.endsWith(`broken ${status}`)).toBe(true);
});

/** A connection that sends, and reads none of the answer. */
async function connectTo({ port }: HttpServer, bytes = '') {
  const socket = connect(port, '127.0.0.1').pause();
  await once(socket, 'connect');
  socket.write(bytes);
  socket.on('error', () => {});
  return socket;
}

test('connections that send nothing, or half a head, are closed', async () => {
  await using impatient = await serveHttp({ ...options, headTimeoutMs: 100 });
  const sockets = await Promise.all(['', 'GET / HT', head].map((bytes) => connectTo(impatient, bytes)));
  for (const socket of sockets) {
    expect(await text(socket)).toMatch(/^HTTP\/1.1 408 .*broken 408$/s);
  }
  await expect.poll(() => impatient.connections()).toBe(0);
});

test('connections beyond the limit are closed at once, and there is room again when others go', async () => {
  await using small = await serveHttp({ ...options, fetch: () => new Response('ok'), maxConnections: 3 });
  const taken = await Promise.all([1, 2, 3].map(() => connectTo(small)));
  await expect.poll(() => small.connections()).toBe(3);
  const refused = await connectTo(small, `${head}\r\n`);
  expect(await text(refused)).toBe('');
  expect(small.connections()).toBe(3);
  taken[0]?.destroy();
  await expect.poll(() => small.connections()).toBe(2);
  expect(await (await fetch(`http://127.0.0.1:${small.port}/`)).text()).toBe('ok');
  for (const socket of taken) socket.destroy();
});

test('a caller that reads none of its answer loses its connection, and one that waits keeps it', async () => {
  const large = 'x'.repeat(24_000_000);
  const waiting = Promise.withResolvers<void>();
  let begun = 0;
  await using strict = await serveHttp({
    ...options,
    stallMs: 2_000,
    graceMs: 1_000,
    fetch: async ({ url }) => {
      begun++;
      if (url.endsWith('large')) return new Response(large);
      await waiting.promise;
      return new Response('waited');
    },
  });
  const answered = fetch(`http://127.0.0.1:${strict.port}/`);
  // The large answers keep the process from reading requests.
  await expect.poll(() => begun, { timeout: 10_000 }).toBe(1);
  const unread = await Promise.all(
    [1, 2, 3].map(() => connectTo(strict, 'GET /large HTTP/1.1\r\nhost: a\r\n\r\n')),
  );
  await expect.poll(() => begun, { timeout: 10_000 }).toBe(4);
  await expect.poll(() => strict.connections(), { timeout: 10_000 }).toBe(1);
  waiting.resolve();
  expect(await (await answered).text()).toBe('waited');
  const read = await fetch(`http://127.0.0.1:${strict.port}/large`);
  expect((await read.text()).length).toBe(large.length);
  for (const socket of unread) socket.destroy();
});

test('a connection has a hundred requests under way at most, which all end with it', async () => {
  let under = 0;
  let most = 0;
  await using flooded = await serveHttp({
    ...options,
    fetch: async ({ signal }) => {
      most = Math.max(most, ++under);
      await once(signal, 'abort');
      under--;
      return new Response('gone');
    },
  });
  const socket = await connectTo(flooded, `${head}\r\n`.repeat(150));
  await expect.poll(() => under).toBe(100);
  socket.destroy();
  await expect.poll(() => under).toBe(0);
  const greedy = await connectTo(flooded, `${head}\r\n`.repeat(20_000));
  expect(await text(greedy).catch(() => '')).toBe('');
  await expect.poll(() => [under, flooded.connections()]).toEqual([0, 0]);
  expect(most).toBe(100);
});

test('requests beyond the limit of their connection are refused in turn', async () => {
  const go = Promise.withResolvers<void>();
  let begun = 0;
  await using full = await serveHttp({
    ...options,
    fetch: async () => {
      if (++begun === 100) setImmediate(go.resolve);
      await go.promise;
      return new Response('ok');
    },
  });
  const socket = connect(full.port, '127.0.0.1');
  socket.write(`${head}\r\n`.repeat(101));
  const answers = await text(socket);
  expect(answers.match(/HTTP\/1.1 200 /g)).toHaveLength(100);
  expect(answers.endsWith('broken 429')).toBe(true);
});
