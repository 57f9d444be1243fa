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

/** Its log is written before each answer and synced to disk every second. */
export const REDIS_PERSISTENCE = ['--appendonly', 'yes', '--appendfsync', 'everysec', '--save', ''];

export interface RunningRedis extends AsyncDisposable {
  readonly port: number;
}

/** Resolves to a separate Redis on 127.0.0.1, or to undefined if there is no `redis-server` on the PATH. */
export async function startRedis(): Promise<RunningRedis | undefined> {
  await using resources = new AsyncDisposableStack();
  const dir = await mkdtemp(join(tmpdir(), 'errand-bench-redis-'));
  resources.defer(() => rm(dir, { recursive: true, force: true }));
  const port = await freePort();
  const address = ['--bind', '127.0.0.1', '--port', String(port), '--dir', dir];
  const server = spawn(COMMAND, [...address, ...REDIS_PERSISTENCE], { stdio: 'ignore' });
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
  return { port, [Symbol.asyncDispose]: () => started[Symbol.asyncDispose]() };
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
