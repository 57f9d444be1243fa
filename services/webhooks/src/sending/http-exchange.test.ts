import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { Client } from 'undici';
import { expect, test } from 'vitest';
import { exchangeOver } from './http-exchange.ts';

/** Sets the first word when it is asked, and answers when the second one is set. */
const SERVER = `
const { parentPort, workerData: words } = require('node:worker_threads');
const server = require('node:http').createServer((_, answer) => {
  Atomics.store(words, 0, 1);
  Atomics.wait(words, 1, 0);
  answer.end('in time');
});
server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));
`;
const LIMITS = { timeoutMs: 300, maxResponseBytes: 1_000, keptResponseBytes: 1_000 };
const STANDS_STILL_MS = 600;

test('an answer counts that came in time while the process stood still for longer than its timeout', async () => {
  const words = new Int32Array(new SharedArrayBuffer(12));
  const server = new Worker(SERVER, { eval: true, workerData: words });
  const [port] = await once(server, 'message');
  const client = new Client(`http://127.0.0.1:${port}`);
  const request = { path: '/', method: 'POST', body: '{}' } as const;
  const exchange = exchangeOver(client, request, { limits: LIMITS, sendAgain: () => false });
  while (Atomics.load(words, 0) === 0) await new Promise((resolve) => setImmediate(resolve));
  Atomics.store(words, 1, 1);
  Atomics.notify(words, 1);
  // Nobody sets the third one.
  Atomics.wait(words, 2, 0, STANDS_STILL_MS);
  expect(await exchange).toMatchObject({ kind: 'answered', status: 200, response: 'in time' });
  await client.close();
  await server.terminate();
});
