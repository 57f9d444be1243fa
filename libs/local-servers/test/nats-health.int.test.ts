import { once } from 'node:events';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { natsTrouble } from '../src/nats/nats-health.ts';
import { startGuardedNatsServer, startNatsServer } from '../src/nats/start-nats-server.ts';

const passwords = { services: 'services-password', system: 'system-password' };

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'errand-health-'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

const placeOf = (name: string) => ({ storeDir: join(dir, name), logFile: join(dir, `${name}.log`) });
const start = (name: string) => startGuardedNatsServer({ ...placeOf(name), passwords });

test('a server whose JetStream answers has no trouble', async () => {
  const { port, stop } = await start('well');
  expect(await natsTrouble({ port, passwords })).toBeUndefined();
  await stop();
  expect(await natsTrouble({ port, passwords })).toMatch(/ECONNREFUSED/);
});

test('a guarded server lets nobody in without a password, and only its owner can read that', async () => {
  const { port, stop } = await start('guarded');
  const others = { services: '', system: '' };
  expect(await natsTrouble({ port, passwords: others })).toBe('Authorization Violation');
  expect((await stat(join(dir, 'guarded', 'nats.conf'))).mode & 0o777).toBe(0o600);
  await stop();
});

test('a server with JetStream off, or that does not answer at all, has trouble', async () => {
  const more = {
    jetstream: false,
    authorization: { users: [{ user: 'errand', password: passwords.services }] },
  };
  const off = await startNatsServer({ ...placeOf('off'), more });
  expect(await natsTrouble({ port: off.port, passwords })).toMatch(/JetStream/i);
  await off.stop();
  const stopped = await start('stopped');
  stopped.kill('SIGSTOP');
  expect(await natsTrouble({ port: stopped.port, passwords, timeoutMs: 100 })).toBe(
    'it did not answer within 0.1 s',
  );
  stopped.kill('SIGKILL');
  await stopped.exited;
});

test('a server that reports an unwritable stream has trouble', async () => {
  await using server = await answering({
    '$JS.API.INFO': '{"memory":0}',
    '$SYS.REQ.SERVER.PING.HEALTHZ':
      '{"server":{"name":"errand"},"data":{"status":"unavailable","status_code":503,"error":"stream write error"}}',
  });
  expect(await natsTrouble({ port: server.port, passwords })).toBe('stream write error');
});

/** A server's answers after a full disk, which no test can cause. */
async function answering(answers: Readonly<Record<string, string>>) {
  const server = createServer((socket) => {
    socket.write('INFO {}\r\n');
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      const body = answers[/PUB (\S+)/.exec(chunk.toString())?.[1] ?? ''] ?? '';
      socket.write(`MSG _INBOX.errand-health 1 ${body.length}\r\n${body}\r\n`);
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      server.close();
      await once(server, 'close');
    },
  };
}
