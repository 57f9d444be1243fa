import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { provisionLog, provisionSettings } from '@errand/bootstrap';
import { freePort } from '@errand/local-servers';
import { openDatabase } from '@errand/postgres';
import { parseConfig } from '@errand/runtime';
import { natsUrlOf, waitUntil } from '@errand/testkit';
import { sql } from 'kysely';
import { provisionDatabase } from '../../dev/provision-database.ts';
import { EXAMPLE_PLACES, sourceMainFile } from '../../dev/repository.ts';
import { onlyOwnKeys } from '../../dev/services.ts';
import { type Front, validated } from '../contract/validating-proxy.ts';

const SERVICES = ['gateway', 'scheduler', 'executor', 'projection', 'webhooks'] as const;
type ServiceName = (typeof SERVICES)[number];

/**
 * The five services, each in its own process and as its own user of NATS. One that ends is restarted on the same ports. It
 * is a fault if NATS refuses something to one of them.
 */
export interface System extends AsyncDisposable {
  /** Base of the gateway's API. */
  readonly url: string;
  readonly adminKey: string;
  /** How often the supervisor had to start a service again. */
  readonly restarts: Readonly<Record<ServiceName, number>>;
  /** Ends a service by SIGKILL; resolves when that process is gone and, before another one is started, `meanwhile` is done. */
  kill(name: ServiceName, meanwhile?: () => Promise<void>): Promise<void>;
  /** Ends all services by SIGKILL, for good; resolves when they are gone. */
  killAll(): Promise<void>;
  /** Resolves when every service reports that it can do its work. */
  ready(): Promise<void>;
  /** What Prometheus would read of all services, one after the other. */
  scrape(): Promise<string>;
}

const SHIPPED_ACTIONS = ['performance_simulation', 'proposal_pdf_generation'];
const READY_MS = 60_000;
const SHORT_LIFE_MS = 1_000;
const PAUSE_AFTER_SHORT_LIFE_MS = 250;
const GRACE_MS = 2_000;
const KEPT_LINES = 40;

interface Supervised {
  readonly name: ServiceName;
  readonly mainFile: string;
  readonly env: Record<string, string>;
  readonly readyUrl: string;
  child: ChildProcess | undefined;
  /** What is done before it is started again. */
  meanwhile: Promise<void> | undefined;
  restarts: number;
  /** The newest lines of its output, for the error message of a failed start. */
  readonly output: string[];
  /** What NATS did not let it do. */
  readonly refused: Set<string>;
}

/**
 * Starts the services, with `settings` added to their own, and resolves when all are ready. Rejects with the output of
 * the one that is not ready. `mainFiles` are instead of those that are delivered.
 */
export async function startSystem(
  servers: { natsUrl: string; databaseUrl: string },
  settings: Readonly<Record<string, string>> = {},
  mainFiles: Readonly<Partial<Record<ServiceName, string>>> = {},
): Promise<System> {
  const adminKey = randomBytes(24).toString('base64url');
  const ports = await Promise.all(SERVICES.map(() => freePort()));
  const url = `http://127.0.0.1:${ports[0]}`;
  const shared: Record<string, string> = {
    ERRAND_PROVISION: 'false',
    ERRAND_HOST: '127.0.0.1',
    ERRAND_LOG_LEVEL: process.env.ERRAND_E2E_LOG_LEVEL || 'warn',
    ERRAND_SHUTDOWN_GRACE_MS: String(GRACE_MS),
    ERRAND_ADMIN_KEY: adminKey,
    ERRAND_SECRET_KEY: randomBytes(32).toString('base64'),
    ERRAND_PUBLIC_URL: url,
    ERRAND_WEBHOOKS_ALLOW_HTTP: 'true',
    ERRAND_WEBHOOKS_ALLOW_CIDRS: '127.0.0.0/8,::1/128',
    ERRAND_ACTIONS: EXAMPLE_PLACES.join(','),
    ...settings,
  };
  const databaseUrlOf = await provisionRoles(servers.databaseUrl);
  const services = SERVICES.map((name, index): Supervised => {
    const port = String(ports[index]);
    const own = name === 'gateway' ? { ERRAND_PORT: port } : { ERRAND_OPS_PORT: port };
    const urls = { NATS_URL: natsUrlOf(servers.natsUrl, name), DATABASE_URL: databaseUrlOf(name) };
    const env = { ...onlyOwnKeys(name, { ...urls, ...shared }), ...own };
    const readyUrl = `http://127.0.0.1:${port}/readyz`;
    const mainFile = mainFiles[name] ?? sourceMainFile(name);
    return {
      name,
      mainFile,
      env,
      readyUrl,
      child: undefined,
      meanwhile: undefined,
      restarts: 0,
      output: [],
      refused: new Set(),
    };
  });
  const stopping = new AbortController();
  const provisioning = { ...shared, NATS_URL: natsUrlOf(servers.natsUrl, 'provision') };
  await provisionLog(parseConfig(provisionSettings, provisioning), () => {});
  for (const service of services) supervise(service, stopping.signal);

  let front: Front | undefined;
  const system: System = {
    get url() {
      return front?.url ?? url;
    },
    adminKey,
    get restarts() {
      return Object.fromEntries(services.map(({ name, restarts }) => [name, restarts])) as System['restarts'];
    },
    async kill(name, meanwhile = async () => {}) {
      const service = services.find((each) => each.name === name);
      if (!service?.child) throw new Error(`${name} does not run`);
      const gone = once(service.child, 'exit');
      const done = Promise.withResolvers<void>();
      service.meanwhile = done.promise;
      service.child.kill('SIGKILL');
      await gone;
      await meanwhile().finally(done.resolve);
    },
    async killAll() {
      stopping.abort();
      const gone = services.map(({ child }) => child && once(child, 'exit'));
      for (const { child } of services) child?.kill('SIGKILL');
      await Promise.all(gone);
    },
    async ready() {
      await Promise.all(services.map(untilReady));
    },
    async scrape() {
      const answers = await Promise.all(services.map(({ readyUrl }) => fetch(new URL('/metrics', readyUrl))));
      return (await Promise.all(answers.map((answer) => answer.text()))).join('');
    },
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await Promise.all(services.map(({ child }) => child && end(child)));
      await front?.[Symbol.asyncDispose]();
      const refused = services.flatMap(({ name, refused }) =>
        [...refused].slice(0, KEPT_LINES).map((what) => `${name}: ${what}`),
      );
      if (refused.length > 0) throw new Error(`NATS refused:\n${refused.join('\n')}`);
    },
  };
  try {
    await system.ready();
    front = await validated(url, SHIPPED_ACTIONS);
    return system;
  } catch (error) {
    await system[Symbol.asyncDispose]();
    throw error;
  }
}

/** Migrates a database for services that connect as the role of their name. The roles are those of all tests. */
async function provisionRoles(databaseUrl: string): Promise<(service: ServiceName) => string> {
  const db = openDatabase({ url: databaseUrl, name: 'e2e', poolSize: 1 });
  const roles = { gateway: 'e2e_gateway', projection: 'e2e_projection', webhooks: 'e2e_webhooks' };
  for (const role of Object.values(roles)) {
    const create = sql`create role ${sql.id(role)} login password 'e2e'`;
    await create.execute(db).catch((error) => {
      // Another test was faster.
      if (!['42710', '23505'].includes(error.code)) throw error;
    });
  }
  await db.destroy();
  const config = { databaseUrl: () => databaseUrl, gatewayRole: roles.gateway };
  await provisionDatabase({
    ...config,
    projectionRole: roles.projection,
    webhooksRole: roles.webhooks,
  });
  return (service) => {
    const url = new URL(databaseUrl);
    if (service in roles) Object.assign(url, { username: `e2e_${service}`, password: 'e2e' });
    return url.href;
  };
}

function supervise(service: Supervised, stopping: AbortSignal): void {
  const begun = performance.now();
  const child = spawn(process.execPath, [service.mainFile], {
    env: { PATH: process.env.PATH, ...service.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  service.child = child;
  const keep = (chunk: Buffer) => {
    service.output.push(...chunk.toString().trimEnd().split('\n'));
    service.output.splice(0, service.output.length - KEPT_LINES);
    for (const [what] of chunk.toString().matchAll(/Permissions Violation for \w+ to \\?"[^"\\]+/g))
      service.refused.add(what);
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  // An aborted test run must not leave services behind.
  const killWithThisProcess = () => child.kill('SIGKILL');
  process.once('exit', killWithThisProcess);
  child.once('exit', () => {
    process.off('exit', killWithThisProcess);
    service.child = undefined;
    if (stopping.aborted) return;
    service.restarts += 1;
    const pauseMs = performance.now() - begun < SHORT_LIFE_MS ? PAUSE_AFTER_SHORT_LIFE_MS : 0;
    const startAgain = () => {
      if (!stopping.aborted) supervise(service, stopping);
    };
    void Promise.resolve(service.meanwhile).then(() => setTimeout(startAgain, pauseMs));
  });
}

async function untilReady({ name, readyUrl, output }: Supervised): Promise<void> {
  const isReady = async () => (await fetch(readyUrl)).ok;
  try {
    await waitUntil(isReady, { timeoutMs: READY_MS });
  } catch (error) {
    throw new Error(`${name} is not ready; it said:\n${output.join('\n')}`, { cause: error });
  }
}

async function end(child: ChildProcess): Promise<void> {
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), GRACE_MS * 2);
  await gone;
  clearTimeout(timer);
}
