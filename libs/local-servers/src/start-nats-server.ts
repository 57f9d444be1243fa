import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { findNatsServer } from './find-nats-server.ts';
import { freePort } from './free-port.ts';
import { type NatsClusterConfig, natsConfig } from './nats-config.ts';
import { type RunningServer, startProcess, untilPortFree } from './server-process.ts';

/** Recovery after a kill -9 takes half a minute with millions of subjects. */
const READY_TIMEOUT_MS = 90_000;
const DEFAULT_MAX_FILE_STORE_BYTES = 10_000_000_000_000;
const DEFAULT_MAX_PAYLOAD_BYTES = 2 * 1024 * 1024;

export interface NatsServerOptions {
  /** Streams and the configuration file live here; it is made when absent. */
  storeDir: string;
  logFile: string;
  /** Default: a free one. */
  port?: number | undefined;
  /** Default: a free one. */
  monitorPort?: number | undefined;
  /** Default: `errand`. */
  name?: string | undefined;
  /** Sync each write before it is acknowledged. Default: false, which a power failure can punish. */
  syncAlways?: boolean | undefined;
  /** Default: 2 MiB. */
  maxPayloadBytes?: number | undefined;
  /** What all streams together may grow to. Default: 10 TB, so that a small disk is no matter before it is full. */
  maxFileStoreBytes?: number | undefined;
  cluster?: NatsClusterConfig | undefined;
  /** Whatever else its configuration is to say, such as `authorization` or `tls`. */
  more?: Readonly<Record<string, unknown>> | undefined;
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
export async function startNatsServer(options: NatsServerOptions): Promise<RunningNats> {
  const binary = await findNatsServer();
  const port = options.port ?? (await freePort());
  const monitorPort = options.monitorPort ?? (await freePort());
  await Promise.all([untilPortFree(port), untilPortFree(monitorPort)]);
  const server = await startProcess({
    name: 'nats-server',
    command: binary.path,
    args: ['--config', await writeConfig({ ...options, port, monitorPort })],
    logFile: resolve(options.logFile),
    stopSignal: 'SIGTERM',
  });
  const monitorUrl = `http://127.0.0.1:${monitorPort}`;
  await server.ready(() => isHealthy(monitorUrl), READY_TIMEOUT_MS);
  const { pid, exited, stop, kill } = server;
  return { url: `nats://127.0.0.1:${port}`, port, monitorUrl, monitorPort, pid, exited, stop, kill };
}

async function writeConfig(
  options: NatsServerOptions & { port: number; monitorPort: number },
): Promise<string> {
  const storeDir = resolve(options.storeDir);
  const configFile = join(storeDir, 'nats.conf');
  const config = natsConfig({
    name: options.name ?? 'errand',
    port: options.port,
    monitorPort: options.monitorPort,
    storeDir,
    syncAlways: options.syncAlways ?? false,
    maxPayloadBytes: options.maxPayloadBytes ?? DEFAULT_MAX_PAYLOAD_BYTES,
    maxFileStoreBytes: options.maxFileStoreBytes ?? DEFAULT_MAX_FILE_STORE_BYTES,
    cluster: options.cluster,
    more: options.more,
  });
  await mkdir(storeDir, { recursive: true });
  await writeFile(configFile, config);
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
