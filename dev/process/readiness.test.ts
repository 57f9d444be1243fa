import { once } from 'node:events';
import { mkdtempDisposable, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { untilReady } from './readiness.ts';

let answers: (() => number)[] = [];
const server = createServer((_, response) => {
  const status = answers.length > 1 ? answers.shift()?.() : answers[0]?.();
  response.writeHead(status ?? 200).end('{"failing":["nats"]}');
});
let readyUrl = '';

beforeAll(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  readyUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/readyz`;
});
afterAll(() => server.close());

const never = new AbortController().signal;

test('the wait lasts until a service says that it is ready', async () => {
  answers = [() => 503, () => 503, () => 200];
  const lines: string[] = [];
  const service = { name: 'gateway', readyUrl, logFile: '/nonexistent' };
  await untilReady([service], { timeoutMs: 30_000, say: (line) => lines.push(line), signal: never });
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatch(/^gateway … ready in /);
});

test('a service that does not get ready is named, with what it lacks and the end of its log', async () => {
  await using dir = await mkdtempDisposable(join(tmpdir(), 'errand-ready-'));
  const logFile = join(dir.path, 'executor.log');
  await writeFile(logFile, 'one\ntwo\nlast words\n');
  answers = [() => 503];
  const service = { name: 'executor', readyUrl, logFile };
  const wait = untilReady([service], { timeoutMs: 0, say: () => {}, signal: never });
  await expect(wait).rejects.toThrow(/executor: .*503 .*nats.*executor\.log:\n.*\n.*\n {4}last words/);
});

test('a wait ends when the system is told to stop', async () => {
  answers = [() => 503];
  const stop = new AbortController();
  const service = { name: 'executor', readyUrl, logFile: '/nonexistent' };
  const wait = untilReady([service], { timeoutMs: 30_000, say: () => {}, signal: stop.signal });
  stop.abort();
  await expect(wait).rejects.toThrow();
});
