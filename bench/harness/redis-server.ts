import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '@errand/local-servers';
import { waitUntil } from '@errand/testkit';
import { killWithThisProcess, stopProcess } from './bench-system.ts';

const COMMAND = 'redis-server';

/** When the log, which is written before each answer, is synced to disk: every second, or before each answer. */
export type RedisSync = 'everysec' | 'always';

interface RunningRedis extends AsyncDisposable {
  readonly port: number;
  readonly pid: number;
}

/** Resolves to a separate Redis on 127.0.0.1, or to undefined if there is no `redis-server` on the PATH. */
export async function startRedis(sync: RedisSync): Promise<RunningRedis | undefined> {
  await using resources = new AsyncDisposableStack();
  const dir = await mkdtemp(join(tmpdir(), 'errand-bench-redis-'));
  resources.defer(() => rm(dir, { recursive: true, force: true }));
  const port = await freePort();
  const address = ['--bind', '127.0.0.1', '--port', String(port), '--dir', dir];
  const persistence = ['--appendonly', 'yes', '--appendfsync', sync, '--save', ''];
  const server = spawn(COMMAND, [...address, ...persistence], { stdio: 'ignore' });
  try {
    await once(server, 'spawn');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  killWithThisProcess(server);
  resources.defer(() => stopProcess(server));
  await waitUntil(() => answersPing(port));
  const started = resources.move();
  return { port, pid: server.pid as number, [Symbol.asyncDispose]: () => started[Symbol.asyncDispose]() };
}

async function answersPing(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    socket.write('PING\r\n');
    const [answer] = (await once(socket, 'data')) as [Buffer];
    return answer.toString().startsWith('+PONG');
  } finally {
    socket.destroy();
  }
}
