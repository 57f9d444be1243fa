import { provisionLog, provisionSettings } from '@errand/bootstrap';
import type { NatsRole } from '@errand/contracts';
import { isPortFree } from '@errand/local-servers';
import { parseConfig } from '@errand/runtime';
import type { Given } from './config.ts';
import { type DataFolder, readJson, writeJson } from './data/data-folder.ts';
import type { LocalFacts } from './data/local-file.ts';
import { type Room, sizesEnv } from './data/log-sizes.ts';
import { type LocalSecrets, loadSecrets } from './data/secrets.ts';
import { ensureFirstTenant } from './first-tenant.ts';
import type { Crew } from './process/crew.ts';
import { stopOrphans } from './process/orphans.ts';
import { choosePorts, type Ports } from './process/ports.ts';
import { untilReady } from './process/readiness.ts';
import { startServers } from './servers.ts';
import {
  gatewayUrl,
  processEnv,
  SERVICES,
  type ServiceFacts,
  type ServiceName,
  startServices,
} from './services.ts';
import type { Say } from './tell/progress.ts';

const READY_TIMEOUT_MS = 60_000;

/** All processes. The gateway is the first: a requested port goes to it, whatever the others remember. */
export const PROCESSES = [...SERVICES, 'nats', 'postgres'] as const;

export interface SystemOptions {
  folder: DataFolder;
  /** 0 takes a free one. */
  port: number;
  /** The file that runs a service; it is in the command line of the service's process. */
  mainFileOf: (name: ServiceName) => string;
  actionEnv: Record<string, string>;
  given: Given;
  room: Room;
  crew: Crew;
  say: Say;
  signal: AbortSignal;
  /** The message of a service that cannot work with its configuration; may come at any time. */
  onRefused: (reason: string) => void;
}

/** Starts servers and services, in this order, and resolves to the facts when every one of them is ready. */
export async function startSystem(options: SystemOptions): Promise<LocalFacts> {
  const { folder, given, mainFileOf, actionEnv, crew, say, signal, onRefused } = options;
  await stopOrphans(folder, mainFileOf, say);
  const ports = await settlePorts(folder, options.port);
  const secrets = await loadSecrets(folder.secretsFile);
  const adminKey = given.adminKey ?? secrets.admin_key;
  const secretKey = given.secretKey ?? secrets.secret_key;

  const { room } = options;
  const { natsUrl, postgresUrl } = await startServers({
    room,
    folder,
    ports,
    secrets,
    crew,
    say,
    natsUrl: given.natsUrl,
    postgresUrl: given.postgresUrl,
  });
  // Somebody else's server has its own disk, and its own users.
  const isOwn = given.natsUrl === undefined;
  const logEnv = isOwn ? { ...sizesEnv(room.sizes), ERRAND_PROVISION: 'false' } : {};
  const natsUrlOf = (role: NatsRole) => (isOwn ? asRole(natsUrl, role, secrets) : natsUrl);
  const facts = { natsUrl, natsUrlOf, postgresUrl, adminKey, secretKey, ports, actionEnv, logEnv };
  if (isOwn) await provision(natsUrlOf('provision'), facts);
  await startServices({ folder, facts, mainFileOf, crew, say, onRefused });
  const probed = SERVICES.map((name) => ({
    name,
    readyUrl: `http://127.0.0.1:${ports[name]}/readyz`,
    logFile: folder.logFile(name),
  }));
  await untilReady(probed, { timeoutMs: READY_TIMEOUT_MS, say, signal });

  const url = gatewayUrl(ports);
  const tenant = await ensureFirstTenant({ url, adminKey, remembered: secrets.first_tenant?.api_key });
  await writeJson(folder.secretsFile, { ...secrets, first_tenant: tenant });
  return { url, ...tenant, admin_key: adminKey, nats_url: natsUrl, postgres_url: postgresUrl };
}

function asRole(natsUrl: string, role: NatsRole, { nats_passwords }: LocalSecrets): string {
  const url = new URL(natsUrl);
  url.username = role;
  url.password = nats_passwords[role];
  return url.href;
}

/** Before the services start, with the settings that they have: none of them may make streams. */
async function provision(natsUrl: string, facts: ServiceFacts): Promise<void> {
  const env = { ...processEnv('scheduler', facts, process.env), NATS_URL: natsUrl };
  await provisionLog(parseConfig(provisionSettings, env), () => {});
}

/** The ports of the last start if they are still free. A requested port is used or refused. */
async function settlePorts(folder: DataFolder, port: number): Promise<Ports<(typeof PROCESSES)[number]>> {
  const remembered = (await readJson<Record<string, number>>(folder.portsFile)) ?? {};
  if (port !== 0) {
    if (!(await isPortFree(port))) {
      throw new Error(
        `port ${port} on 127.0.0.1 is taken by another program: set ERRAND_PORT to another port, or to 0 for a free one`,
      );
    }
    remembered.gateway = port;
  }
  const ports = await choosePorts(PROCESSES, remembered);
  await writeJson(folder.portsFile, ports);
  return ports;
}
