import { access } from 'node:fs/promises';
import { NATS_ROLES, natsUser } from '@errand/contracts';
import {
  findNatsServer,
  natsTrouble,
  startGuardedNatsServer,
  startPostgresServer,
} from '@errand/local-servers';
import type { DataFolder } from './data/data-folder.ts';
import type { Room } from './data/log-sizes.ts';
import type { LocalSecrets } from './data/secrets.ts';
import type { Crew } from './process/crew.ts';
import { type Say, sayingIfSlow, timeSince } from './tell/progress.ts';

export interface ServerOptions {
  folder: DataFolder;
  ports: Record<'nats' | 'postgres', number>;
  secrets: Pick<
    LocalSecrets,
    'nats_password' | 'nats_system_password' | 'nats_passwords' | 'postgres_password'
  >;
  crew: Crew;
  say: Say;
  /** Servers to use instead of starting them. */
  natsUrl: string | undefined;
  postgresUrl: string | undefined;
  room: Pick<Room, 'maxFileStoreBytes' | 'maxWalBytes'>;
}

export interface ServerUrls {
  natsUrl: string;
  postgresUrl: string;
}

/** Starts NATS and Postgres at once, or uses those that are given. Rejects with the reasons of all that failed. */
export async function startServers(options: ServerOptions): Promise<ServerUrls> {
  const [nats, postgres] = await Promise.allSettled([ensureNats(options), ensurePostgres(options)]);
  const reasons = [nats, postgres]
    .filter((result) => result.status === 'rejected')
    .map(({ reason }) => (reason instanceof Error ? reason.message : String(reason)));
  if (nats.status === 'rejected' || postgres.status === 'rejected') throw new Error(reasons.join('\n'));
  return { natsUrl: nats.value, postgresUrl: postgres.value };
}

async function ensureNats({
  natsUrl,
  folder,
  ports,
  secrets,
  crew,
  say,
  room,
}: ServerOptions): Promise<string> {
  if (natsUrl !== undefined) {
    say('nats … using the server at NATS_URL');
    return natsUrl;
  }
  const slowLine = 'nats … looking for nats-server; if there is none, it is downloaded once';
  const { version, source } = await sayingIfSlow(say, slowLine, findNatsServer());
  const startMs = performance.now();
  const port = ports.nats;
  const passwords = { services: secrets.nats_password, system: secrets.nats_system_password };
  let url = '';
  const start = async () => {
    const server = await startGuardedNatsServer({
      storeDir: folder.natsDir,
      logFile: folder.logFile('nats'),
      port,
      passwords,
      users: NATS_ROLES.map((role) => natsUser(role, secrets.nats_passwords[role])),
      maxFileStoreBytes: room.maxFileStoreBytes,
    });
    url = server.url;
    return { ...server, trouble: () => natsTrouble({ port, passwords }) };
  };
  const recovering = 'nats … recovering its streams';
  await sayingIfSlow(say, recovering, crew.add('server', { name: 'nats', start, say }));
  say(`nats-server ${version} (${source}) … ready in ${timeSince(startMs)}`);
  return url;
}

async function ensurePostgres({
  postgresUrl,
  folder,
  ports,
  secrets,
  crew,
  say,
  room,
}: ServerOptions): Promise<string> {
  if (postgresUrl !== undefined) {
    say('postgres … using the server at DATABASE_URL');
    return postgresUrl;
  }
  const isNew = !(await exists(folder.postgresDir));
  const startMs = performance.now();
  let url = '';
  const start = async () => {
    const server = await startPostgresServer({
      dataDir: folder.postgresDir,
      logFile: folder.logFile('postgres'),
      port: ports.postgres,
      durable: true,
      password: secrets.postgres_password,
      maxWalBytes: room.maxWalBytes,
    });
    url = server.url;
    return server;
  };
  const slowLine = isNew ? 'postgres … creating its data folder' : 'postgres … recovering';
  await sayingIfSlow(say, slowLine, crew.add('server', { name: 'postgres', start, say }));
  say(`postgres … ready in ${timeSince(startMs)}`);
  return url;
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
