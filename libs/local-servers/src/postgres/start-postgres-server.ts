import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  onPort,
  type RunningServer,
  type ServerProcess,
  startProcess,
  untilPortFree,
} from '../server-process.ts';
import { findPostgres, type PostgresBinaries } from './find-postgres.ts';
import { ensurePostgresData, POSTGRES_NAME, SERVICES_ROLE } from './postgres-data.ts';
import { postgresUser, type SystemUser } from './postgres-user.ts';

const READY_TIMEOUT_MS = 60_000;
const ORPHANS_TIMEOUT_MS = 20_000;
const RETRY_MS = 250;

/**
 * The error of a start while processes of a killed predecessor still live: its backends notice within seconds that
 * their parent is gone, and hold the shared memory until then.
 */
const PREDECESSOR_LIVES = /pre-existing shared memory block|lock file "postmaster\.pid" already exists/;

export interface PostgresServerOptions {
  /** Created by initdb if absent; its parents too. */
  dataDir: string;
  logFile: string;
  /** Default: a free one. */
  port?: number | undefined;
  /** Sync commits to disk. False is for data that may be lost in a crash of the machine. */
  durable: boolean;
  /** How large the write-ahead log grows between checkpoints. Default: Postgres' own, 1 GB. */
  maxWalBytes?: number | undefined;
  /** Default: no password is needed. */
  password?: string | undefined;
  /** Default: 100. */
  maxConnections?: number | undefined;
}

/**
 * Resolves to a Postgres on 127.0.0.1 once it accepts connections. Its `url` is that of the superuser `errand`, who
 * needs no password, and of the database `errand`; with a password, that of the database's owner, who is not a
 * superuser and is the only one let in. `stop` ends open sessions.
 *
 * Run by root, it runs as the data folder's owner or as `nobody`. The same `dataDir` and `port` bring the data
 * back after any end, kill -9 included. Rejects with PostgresFolderUnusable, or with the end of the log.
 */
export async function startPostgresServer(options: PostgresServerOptions): Promise<RunningServer> {
  const dataDir = resolve(options.dataDir);
  const { password } = options;
  const user = await postgresUser(dataDir);
  const binaries = await findPostgres(user);
  await ensurePostgresData({ dataDir, binaries, user, durable: options.durable, password });
  const { port, server } = await onPort(options.port, async (chosen) => {
    await untilPortFree(chosen);
    const started = await startAfterOrphans({ ...options, dataDir, port: chosen, binaries, user });
    return { port: chosen, server: started };
  });
  const { pid, exited, stop, kill } = server;
  const login = password === undefined ? POSTGRES_NAME : `${SERVICES_ROLE}:${password}`;
  const url = `postgres://${login}@127.0.0.1:${port}/${POSTGRES_NAME}`;
  return { url, port, pid, exited, stop, kill };
}

interface Launch extends PostgresServerOptions {
  port: number;
  binaries: PostgresBinaries;
  user: SystemUser | undefined;
}

async function startAfterOrphans(launch: Launch): Promise<ServerProcess> {
  const deadline = performance.now() + ORPHANS_TIMEOUT_MS;
  for (;;) {
    const server = await startProcess({
      name: 'postgres',
      command: launch.binaries.postgres,
      args: postgresArguments(launch),
      logFile: resolve(launch.logFile),
      stopSignal: 'SIGINT',
      user: launch.user,
    });
    try {
      await server.ready(() => acceptsConnections(launch.dataDir, server.pid), READY_TIMEOUT_MS);
      return server;
    } catch (error) {
      const mayRetry = PREDECESSOR_LIVES.test(await server.logged()) && performance.now() < deadline;
      if (!mayRetry) throw error;
      await sleep(RETRY_MS);
    }
  }
}

function postgresArguments({ dataDir, port, durable, maxConnections, maxWalBytes }: Launch): string[] {
  // synchronous_commit stays on: without it even a kill -9 loses commits, not only a crash of the machine.
  const onDisk = durable ? 'on' : 'off';
  const settings = [
    'listen_addresses=127.0.0.1',
    'unix_socket_directories=',
    `max_connections=${maxConnections ?? 100}`,
    `fsync=${onDisk}`,
    `full_page_writes=${onDisk}`,
    ...(maxWalBytes === undefined
      ? []
      : [`max_wal_size=${Math.max(32, Math.floor(maxWalBytes / 2 ** 20))}MB`]),
  ];
  return ['-D', dataDir, '-p', String(port), ...settings.flatMap((setting) => ['-c', setting])];
}

/**
 * True once line 8 of postmaster.pid is `ready`, undefined before. Line 1 is the pid: the file of a killed
 * predecessor says `ready` too. (src/include/utils/pidfile.h; pg_ctl waits in the same way.)
 */
async function acceptsConnections(dataDir: string, pid: number): Promise<true | undefined> {
  const file = await readFile(join(dataDir, 'postmaster.pid'), 'utf8').catch(() => '');
  const lines = file.split('\n').map((line) => line.trim());
  return (lines[0] === String(pid) && lines[7] === 'ready') || undefined;
}
