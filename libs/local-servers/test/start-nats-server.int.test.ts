import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { freePort } from '../src/free-port.ts';
import { type NatsServerOptions, startNatsServer } from '../src/nats/start-nats-server.ts';

let dir: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'errand-nats-'));
});

afterEach(() => rm(dir, { recursive: true, force: true }));

const options = (more: Partial<NatsServerOptions> = {}): NatsServerOptions => ({
  storeDir: join(dir, 'store'),
  logFile: join(dir, 'nats.log'),
  ...more,
});

/** The first message of a server to a new connection. */
async function serverInfo(port: number): Promise<Record<string, unknown>> {
  const socket = connect(port, '127.0.0.1');
  const [line] = (await once(socket, 'data')) as [Buffer];
  socket.destroy();
  return JSON.parse(line.toString('utf8').slice('INFO '.length));
}

test('a started server has JetStream, its payload limit and a log file', async () => {
  const server = await startNatsServer(options({ name: 'mine', maxPayloadBytes: 4096, syncAlways: true }));
  expect(await serverInfo(server.port)).toMatchObject({
    server_name: 'mine',
    jetstream: true,
    max_payload: 4096,
  });
  const varz = await (await fetch(`${server.monitorUrl}/varz`)).json();
  expect(varz).toMatchObject({ jetstream: { config: { sync_always: true } } });
  await server.stop();
  expect(await server.exited).toEqual({ code: 0, signal: null });
  expect(await readFile(join(dir, 'nats.log'), 'utf8')).toContain('Server is ready');
});

test('after kill -9 a server comes back on the same port', async () => {
  const first = await startNatsServer(options());
  first.kill('SIGKILL');
  expect(await first.exited).toEqual({ code: null, signal: 'SIGKILL' });
  const second = await startNatsServer(options({ port: first.port }));
  expect(second.url).toBe(first.url);
  expect(await serverInfo(second.port)).toMatchObject({ jetstream: true });
  await second.stop();
  await second.stop();
});

test('a port that another program holds is named', async () => {
  const port = await freePort();
  const other = createServer().listen(port, '127.0.0.1');
  await once(other, 'listening');
  await expect(startNatsServer(options({ port }))).rejects.toThrow(`port ${port} on 127.0.0.1 is taken`);
  other.close();
});

test('a server that cannot start is reported with the end of its log', async () => {
  await expect(startNatsServer(options({ maxPayloadBytes: 2 ** 30 }))).rejects.toThrow(
    /nats-server ended with code 1; the end of .*nats\.log:\n.*max_payload/s,
  );
});

test('a server ends when the process that started it is killed', async () => {
  const script = `
    const { startNatsServer } = await import(${JSON.stringify(`${import.meta.dirname}/../src/index.ts`)});
    console.log((await startNatsServer(${JSON.stringify(options())})).port);`;
  const owner = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [port] = (await once(owner.stdout, 'data')) as [Buffer];
  const session = connect(Number(port), '127.0.0.1');
  await once(session, 'data');
  owner.kill('SIGKILL');
  await once(session, 'close');
});
