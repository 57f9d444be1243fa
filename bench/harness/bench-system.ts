import { type ChildProcess, fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmod, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, type RunningNats, startNatsServer, startPostgresServer } from '@errand/local-servers';
import { waitUntil } from '@errand/testkit';
import { logTail } from '../../dev/data/log-tail.ts';
import { EXAMPLE_PLACES, sourceMainFile } from '../../dev/repository.ts';
import type { ServiceName } from '../../dev/services.ts';

const READY_MS = 60_000;
const KILL_AFTER_MS = 10_000;

/** A system under measurement, on its own servers: every service and every server is a separate process. */
export interface BenchSystem extends AsyncDisposable {
  /** Base of the gateway's API. */
  readonly url: string;
  /** Lets a caller do everything in the tenant `bench`. */
  readonly adminKey: string;
  readonly nats: RunningNats;
  readonly databaseUrl: string;
  /** Holds the data of the servers, in `nats` and `postgres`, and the logs of all processes, `*.log`. */
  readonly dir: string;
  /** By name: the requested services, `nats` and `postgres`. */
  readonly pids: Readonly<Record<string, number>>;
  readonly processes: ReadonlyMap<ServiceName, ChildProcess>;
  /** Where the services report on themselves. */
  readonly opsUrls: Readonly<Partial<Record<ServiceName, string>>>;
  /** Starts one more process of a service; it may not be ready yet when this resolves. */
  startAnother(name: ServiceName): Promise<AnotherProcess>;
}

export interface AnotherProcess {
  readonly child: ChildProcess;
  readonly pid: number;
  readonly opsUrl: string;
}

interface ServiceStart {
  name: ServiceName;
  /** Default: the service as it is delivered. */
  mainFile?: string | undefined;
  nodeFlags?: readonly string[];
}

/**
 * Resolves when everything requested is ready and the tenant `bench` exists. Temporary data, real durability. `env`:
 * settings that are not those of a system as it is delivered.
 */
export async function startBenchSystem(
  asked: readonly ServiceStart[],
  env: Readonly<Record<string, string>> = {},
): Promise<BenchSystem> {
  // Executors serve only what a scheduler lets them serve.
  const needsScheduler = asked.some(({ name }) => name === 'executor');
  const isGiven = asked.some(({ name }) => name === 'scheduler');
  const services = needsScheduler && !isGiven ? [...asked, { name: 'scheduler' } as const] : asked;
  await using resources = new AsyncDisposableStack();
  const dir = await mkdtemp(join(tmpdir(), 'errand-bench-'));
  resources.defer(() => rm(dir, { recursive: true, force: true }));
  // Postgres, which refuses to run as root, is then another user.
  await chmod(dir, 0o711);
  const nats = await startNatsServer({ storeDir: join(dir, 'nats'), logFile: join(dir, 'nats.log') });
  resources.defer(() => nats.stop());
  const dataDir = join(dir, 'postgres');
  const postgres = await startPostgresServer({ dataDir, logFile: join(dir, 'postgres.log'), durable: true });
  resources.defer(() => postgres.stop());

  const adminKey = 'bench-admin-key-of-no-value';
  const ports = new Map(
    await Promise.all(services.map(async ({ name }) => [name, await freePort()] as const)),
  );
  const url = `http://127.0.0.1:${ports.get('gateway')}`;
  const shared = {
    NATS_URL: nats.url,
    DATABASE_URL: postgres.url,
    ERRAND_HOST: '127.0.0.1',
    ERRAND_LOG_LEVEL: 'warn',
    ERRAND_ADMIN_KEY: adminKey,
    ERRAND_SECRET_KEY: randomBytes(32).toString('base64'),
    ERRAND_PUBLIC_URL: url,
    ERRAND_PORT: String(ports.get('gateway')),
    ERRAND_WEBHOOKS_ALLOW_HTTP: 'true',
    ERRAND_WEBHOOKS_ALLOW_CIDRS: '127.0.0.0/8',
    ERRAND_ACTIONS: EXAMPLE_PLACES.join(','),
    ...env,
  };
  const processes = new Map<ServiceName, ChildProcess>();
  for (const service of services) {
    const port = ports.get(service.name) as number;
    processes.set(service.name, await start(resources, service, port));
  }
  await Promise.all([...ports.values()].map(untilReady));
  if (ports.has('gateway')) await createTenant(url, adminKey);
  const pids = Object.fromEntries([...processes].map(([name, child]) => [name, child.pid as number]));
  const started = resources.move();

  async function start(
    scope: AsyncDisposableStack,
    service: ServiceStart,
    port: number,
  ): Promise<ChildProcess> {
    const logFile = join(dir, `${service.name}-${port}.log`);
    const child = await startService(service, logFile, {
      ...shared,
      ...(service.name === 'gateway' ? {} : { ERRAND_OPS_PORT: String(port) }),
    });
    scope.defer(async () => {
      await stopProcess(child);
      const said = await logTail(logFile, 3);
      if (said.trim() !== '') console.error(`${service.name} has warned, lastly:\n${said}`);
    });
    return child;
  }

  return {
    url,
    adminKey,
    nats,
    dir,
    processes,
    async startAnother(name) {
      const port = await freePort();
      const child = await start(started, { name }, port);
      return { child, pid: child.pid as number, opsUrl: `http://127.0.0.1:${port}` };
    },
    databaseUrl: postgres.url,
    opsUrls: Object.fromEntries([...ports].map(([name, port]) => [name, `http://127.0.0.1:${port}`])),
    pids: { ...pids, nats: nats.pid, postgres: postgres.pid },
    [Symbol.asyncDispose]: () => started[Symbol.asyncDispose](),
  };
}

/** Ends a child process and resolves when it is gone. */
export async function stopProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), KILL_AFTER_MS);
  await exited;
  clearTimeout(timer);
}

async function startService(
  { name, mainFile = sourceMainFile(name), nodeFlags = [] }: ServiceStart,
  logFile: string,
  env: Record<string, string>,
): Promise<ChildProcess> {
  const log = await open(logFile, 'a');
  try {
    const child = fork(mainFile, [], {
      env: { PATH: process.env.PATH, ...env },
      execArgv: [...nodeFlags],
      stdio: ['ignore', log.fd, log.fd, 'ipc'],
    });
    killWithThisProcess(child);
    return child;
  } finally {
    await log.close();
  }
}

const children = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});

/** A benchmark that fails must not leave processes behind. */
export function killWithThisProcess(child: ChildProcess): void {
  children.add(child);
  child.once('exit', () => children.delete(child));
}

async function untilReady(port: number): Promise<void> {
  await waitUntil(async () => (await fetch(`http://127.0.0.1:${port}/readyz`)).ok, { timeoutMs: READY_MS });
}

async function createTenant(url: string, adminKey: string): Promise<void> {
  const headers = { authorization: `Bearer ${adminKey}` };
  const created = await fetch(`${url}/admin/tenants/bench`, { method: 'PUT', headers });
  if (!created.ok) throw new Error(`the tenant was not created: ${created.status}`);
}
