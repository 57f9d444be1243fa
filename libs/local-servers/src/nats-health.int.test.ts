import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { natsTrouble } from './nats-health.ts';
import { startNatsServer } from './start-nats-server.ts';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'errand-health-'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

const start = (name: string, more?: Record<string, unknown>) =>
  startNatsServer({ storeDir: join(dir, name), logFile: join(dir, `${name}.log`), more });

test('a server whose JetStream answers has no trouble', async () => {
  const server = await start('well');
  expect(await natsTrouble(server)).toBeUndefined();
  await server.stop();
  expect(await natsTrouble(server)).toMatch(/ECONNREFUSED/);
});

test('one that lives with JetStream off, or does not answer at all, has', async () => {
  const off = await start('off', { jetstream: false });
  expect(await natsTrouble(off)).toMatch(/JetStream/i);
  await off.stop();
  const stopped = await start('stopped');
  stopped.kill('SIGSTOP');
  expect(await natsTrouble({ ...stopped, timeoutMs: 100 })).toBe('it did not answer within 0.1 s');
  stopped.kill('SIGKILL');
  await stopped.exited;
});

test('one whose monitor tells of a stream that cannot be written has, and one without a monitor has not', async () => {
  const server = await start('broken stream');
  await using said = await listen(503, JSON.stringify({ error: 'stream write error' }));
  expect(await natsTrouble({ ...server, monitorUrl: said.url })).toMatch(/stream write error/);
  await said[Symbol.asyncDispose]();
  expect(await natsTrouble({ ...server, monitorUrl: said.url })).toBeUndefined();
  await server.stop();
});

/** What the monitor says after a full disk, which no test can make. */
async function listen(status: number, body: string) {
  const http = createServer((_, response) => response.writeHead(status).end(body)).listen(0, '127.0.0.1');
  await once(http, 'listening');
  const { port } = http.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
    },
  };
}
