import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, startPostgresServer } from '@errand/local-servers';
import { waitUntil } from '@errand/testkit';
import { request } from 'undici';
import { killWithThisProcess, stopProcess } from '../harness/bench-system.ts';
import { type RedisSync, startRedis } from '../harness/redis-server.ts';
import type { Contender } from './contender.ts';

/** Third-party packages, which are installed only where they are measured. */
const RIVALS = join(import.meta.dirname, '..', 'rivals');
const STAMP = join(RIVALS, 'node_modules', '.errand-installed');
const WAIT = { prefer: 'wait=10' };

/** Installs the packages if they are missing or do not match their lock. @throws Error without a registry */
async function install(): Promise<void> {
  const lock = await readFile(join(RIVALS, 'package-lock.json'), 'utf8');
  if ((await readFile(STAMP, 'utf8').catch(() => undefined)) === lock) return;
  const args = ['ci', '--prefix', RIVALS, '--ignore-scripts', '--no-audit', '--no-fund'];
  const [code] = await once(spawn('npm', args, { stdio: 'inherit' }), 'exit');
  if (code !== 0) throw new Error(`npm ci in bench/rivals ended with ${code}`);
  await writeFile(STAMP, lock);
}

/** Every rival that can be started here; a line on standard error says why one cannot. */
export async function startRivals(): Promise<Contender[]> {
  await install();
  const starts = [
    () => startBullmq('everysec'),
    () => startBullmq('always'),
    () => startPostgresQueue('graphile-worker'),
    () => startPostgresQueue('pg-boss'),
    startRestate,
  ];
  const started: Contender[] = [];
  for (const start of starts) {
    try {
      started.push(await start());
    } catch (error) {
      console.error(`not measured: ${error instanceof Error ? error.message : error}`);
    }
  }
  return started;
}

async function startBullmq(sync: RedisSync): Promise<Contender> {
  await using resources = new AsyncDisposableStack();
  const redis = await startRedis(sync);
  if (!redis) throw new Error(`BullMQ with fsync ${sync}, since there is no redis-server on the PATH`);
  resources.use(redis);
  const url = `redis://127.0.0.1:${redis.port}`;
  const processes = resources.use(await startProcesses('bullmq', url));
  return contender(resources.move(), {
    name: `bullmq ${sync}`,
    about: `BullMQ behind a server of Hono; Redis' log synced ${sync === 'always' ? 'before each answer' : 'every second'}`,
    ...processes,
    pids: { ...processes.pids, redis: redis.pid },
  });
}

async function startPostgresQueue(name: 'graphile-worker' | 'pg-boss'): Promise<Contender> {
  await using resources = new AsyncDisposableStack();
  const dir = await temporaryFolder(resources);
  const dataDir = join(dir, 'postgres');
  const postgres = await startPostgresServer({ dataDir, logFile: join(dir, 'postgres.log'), durable: true });
  resources.defer(() => postgres.stop());
  const processes = resources.use(await startProcesses(name, postgres.url));
  return contender(resources.move(), {
    name,
    about: `${name} behind a server of Hono; Postgres syncs each commit`,
    ...processes,
    pids: { ...processes.pids, postgres: postgres.pid },
  });
}

/** Its server takes runs by itself. */
async function startRestate(): Promise<Contender> {
  await using resources = new AsyncDisposableStack();
  const dir = await temporaryFolder(resources);
  const [ingress, admin, node, service] = await Promise.all([freePort(), freePort(), freePort(), freePort()]);
  const child = fork(join(RIVALS, 'restate-service.ts'), [String(service)], {
    // It would write two lines for each job.
    env: { ...process.env, RESTATE_LOGGING: 'ERROR' },
  });
  keep(resources, child);
  await firstMessage(child);
  const address = (name: string, port: number) => ({
    [`RESTATE${name}BIND_ADDRESS`]: `127.0.0.1:${port}`,
    [`RESTATE${name}BIND_PORT`]: String(port),
  });
  const command = join(RIVALS, 'node_modules/@restatedev/restate-server-linux-x64/bin/restate-server');
  const server = spawn(command, ['--base-dir', dir], {
    cwd: dir,
    stdio: 'ignore',
    env: {
      ...address('_INGRESS__', ingress),
      ...address('_ADMIN__', admin),
      ...address('_', node),
      RUST_LOG: 'warn',
      DO_NOT_TRACK: '1',
    },
  });
  await once(server, 'spawn');
  keep(resources, server);
  const ask = async (path: string, body: object) => {
    const headers = { 'content-type': 'application/json', accept: 'application/json' };
    const url = `http://127.0.0.1:${admin}${path}`;
    const answer = await request(url, { method: 'POST', headers, body: JSON.stringify(body) });
    return { isOk: answer.statusCode < 300, json: (await answer.body.json()) as { rows?: { n: number }[] } };
  };
  const deployment = { uri: `http://127.0.0.1:${service}` };
  await waitUntil(async () => (await ask('/deployments', deployment)).isOk, { timeoutMs: 30_000 });
  return contender(resources.move(), {
    name: 'restate',
    about: "Restate's server (Rust), with a service of its TypeScript SDK",
    pids: { restate: server.pid as number, service: child.pid as number },
    url: `http://127.0.0.1:${ingress}`,
    run: { path: '/noop/run/send', body: '{}', status: 202 },
    runAndWait: { path: '/noop/run', body: '{}', status: 200 },
    async haveEnded() {
      const query = "select count(*) as n from sys_invocation where status <> 'completed'";
      const { json } = await ask('/query', { query });
      return json.rows?.[0]?.n === 0;
    },
  });
}

/** The two processes of a rival: one takes runs over HTTP, one works. */
async function startProcesses(name: string, url: string) {
  await using resources = new AsyncDisposableStack();
  const start = async (role: 'server' | 'worker') => {
    const child = fork(join(RIVALS, 'rival-process.ts'), [name, role, url]);
    keep(resources, child);
    return { child, told: await firstMessage(child) };
  };
  const server = await start('server');
  const worker = await start('worker');
  const started = resources.move();
  return {
    url: `http://127.0.0.1:${server.told.port}`,
    run: { path: '/run', body: '{}', status: 202 },
    runAndWait: { path: '/run', headers: WAIT, body: '{}', status: 200 },
    pids: { server: server.child.pid as number, worker: worker.child.pid as number },
    async haveEnded(jobs: number) {
      worker.child.send('ended?');
      const [{ ended }] = (await once(worker.child, 'message')) as [{ ended: number }];
      return ended >= jobs;
    },
    [Symbol.asyncDispose]: () => started[Symbol.asyncDispose](),
  };
}

function contender(
  resources: AsyncDisposableStack,
  what: Omit<Contender, typeof Symbol.asyncDispose>,
): Contender {
  return { ...what, [Symbol.asyncDispose]: () => resources[Symbol.asyncDispose]() };
}

async function temporaryFolder(resources: AsyncDisposableStack): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'errand-bench-rival-'));
  resources.defer(() => rm(dir, { recursive: true, force: true }));
  // Postgres, which refuses to run as root, is then another user.
  await chmod(dir, 0o711);
  return dir;
}

function keep(resources: AsyncDisposableStack, child: ChildProcess): void {
  killWithThisProcess(child);
  resources.defer(() => stopProcess(child));
}

async function firstMessage(child: ChildProcess): Promise<{ port?: number }> {
  const ended = once(child, 'exit').then(() => {
    throw new Error(`${child.spawnargs.slice(1).join(' ')} ended before it was ready`);
  });
  ended.catch(() => {});
  const [message] = (await Promise.race([once(child, 'message'), ended])) as [{ port?: number }];
  return message;
}
