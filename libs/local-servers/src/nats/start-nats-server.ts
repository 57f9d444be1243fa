import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { freePort } from '../free-port.ts';
import {
  onPort,
  type RunningServer,
  type ServerProcess,
  startProcess,
  untilPortFree,
} from '../server-process.ts';
import { findNatsServer } from './find-nats-server.ts';
import {
  type NatsClusterConfig,
  type NatsPasswords,
  type NatsUser,
  natsConfig,
  SERVICES_USER,
} from './nats-config.ts';
import { natsTrouble } from './nats-health.ts';

/** Recovery after a kill -9 takes half a minute with millions of subjects. */
const READY_TIMEOUT_MS = 90_000;
const DEFAULT_MAX_FILE_STORE_BYTES = 10_000_000_000_000;
const DEFAULT_MAX_PAYLOAD_BYTES = 2 * 1024 * 1024;

export interface NatsServerOptions {
  /** Streams and the configuration file live here; it is created if absent. */
  storeDir: string;
  logFile: string;
  /** Default: a free one. */
  port?: number | undefined;
  /** Default: a free one. */
  monitorPort?: number | undefined;
  /** Default: `errand`. */
  name?: string | undefined;
  /** Sync each write before it is acknowledged. Default: false, which may lose writes in a power failure. */
  syncAlways?: boolean | undefined;
  /** Default: 2 MiB. */
  maxPayloadBytes?: number | undefined;
  /** What all streams together may grow to. Default: 10 TB, so that a small disk does not matter until it is full. */
  maxFileStoreBytes?: number | undefined;
  cluster?: NatsClusterConfig | undefined;
  /** Additional configuration, such as `authorization` or `tls`. */
  more?: Readonly<Record<string, unknown>> | undefined;
}

export interface GuardedNatsOptions extends Omit<NatsServerOptions, 'monitorPort' | 'cluster' | 'more'> {
  passwords: NatsPasswords;
  /** Users beside those of the passwords. */
  users?: readonly NatsUser[] | undefined;
}

export interface RunningNats extends RunningServer {
  /** The HTTP monitor, with `/healthz`, `/jsz` and the rest. */
  readonly monitorUrl: string;
  readonly monitorPort: number;
}

/**
 * Resolves to a nats-server with JetStream on 127.0.0.1 once it reports itself healthy; in a cluster, that is
 * once a meta leader is known. The same `storeDir` and `port` bring its data back after any end, kill -9 included.
 * Rejects with NatsServerNotFound, or with the end of the log when the server does not come up.
 */
export function startNatsServer(options: NatsServerOptions): Promise<RunningNats> {
  return onPort(options.port, (port) => startOn(port, options));
}

async function startOn(port: number, options: NatsServerOptions): Promise<RunningNats> {
  const monitorPort = options.monitorPort ?? (await freePort());
  await untilPortFree(monitorPort);
  const server = await launch({ ...options, port, monitorPort });
  const monitorUrl = `http://127.0.0.1:${monitorPort}`;
  await server.ready(() => isHealthy(monitorUrl), READY_TIMEOUT_MS);
  const { pid, exited, stop, kill } = server;
  return { url: `nats://127.0.0.1:${port}`, port, monitorUrl, monitorPort, pid, exited, stop, kill };
}

/** The same for a server that requires a password and has no HTTP monitor. Its `url` has the services' password. */
export async function startGuardedNatsServer(options: GuardedNatsOptions): Promise<RunningServer> {
  const { passwords } = options;
  const port = options.port ?? (await freePort());
  const server = await launch({ ...options, port });
  const isHealthy = async () => ((await natsTrouble({ port, passwords })) === undefined ? true : undefined);
  await server.ready(isHealthy, READY_TIMEOUT_MS);
  const { pid, exited, stop, kill } = server;
  return {
    url: `nats://${SERVICES_USER}:${passwords.services}@127.0.0.1:${port}`,
    port,
    pid,
    exited,
    stop,
    kill,
  };
}

type Launch = NatsServerOptions & Partial<Pick<GuardedNatsOptions, 'passwords' | 'users'>> & { port: number };

async function launch(options: Launch): Promise<ServerProcess> {
  const binary = await findNatsServer();
  await untilPortFree(options.port);
  return startProcess({
    name: 'nats-server',
    command: binary.path,
    args: ['--config', await writeConfig(options)],
    logFile: resolve(options.logFile),
    stopSignal: 'SIGTERM',
  });
}

async function writeConfig(options: Launch): Promise<string> {
  const storeDir = resolve(options.storeDir);
  const configFile = join(storeDir, 'nats.conf');
  const config = natsConfig({
    name: options.name ?? 'errand',
    port: options.port,
    monitorPort: options.monitorPort,
    passwords: options.passwords,
    users: options.users,
    storeDir,
    syncAlways: options.syncAlways ?? false,
    maxPayloadBytes: options.maxPayloadBytes ?? DEFAULT_MAX_PAYLOAD_BYTES,
    maxFileStoreBytes: options.maxFileStoreBytes ?? DEFAULT_MAX_FILE_STORE_BYTES,
    cluster: options.cluster,
    more: options.more,
  });
  await mkdir(storeDir, { recursive: true });
  await writeFile(configFile, config, { mode: 0o600 });
  // An older file may be readable by anybody.
  await chmod(configFile, 0o600);
  return configFile;
}

/** True once `/healthz` says that JetStream has recovered (503 until then), undefined before. */
async function isHealthy(monitorUrl: string): Promise<true | undefined> {
  try {
    const response = await fetch(`${monitorUrl}/healthz`);
    await response.body?.cancel();
    return response.ok || undefined;
  } catch {
    return undefined;
  }
}
