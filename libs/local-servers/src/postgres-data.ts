import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chown, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { text } from 'node:stream/consumers';
import type { PostgresBinaries } from './find-postgres.ts';
import { ownEnv } from './own-env.ts';
import { type SystemUser, unreachableFolder } from './postgres-user.ts';

/** The name of the role, a superuser, and of the database that a data folder starts with. */
export const POSTGRES_NAME = 'errand';

/** Postgres cannot use this data folder; `path` is the folder that is in the way. */
export class PostgresFolderUnusable extends Error {
  override readonly name = 'PostgresFolderUnusable';
  readonly code = 'postgres_folder_unusable';
  readonly path: string;

  constructor(path: string, message: string) {
    super(message);
    this.path = path;
  }
}

export interface PostgresData {
  dataDir: string;
  binaries: PostgresBinaries;
  user: SystemUser | undefined;
  /** Whether the new files are synced to disk. */
  durable: boolean;
}

/**
 * Makes a data folder with its role and its database, unless there is one. Connections from this machine need no
 * password. It is built beside its place and renamed, so an interrupted start leaves nothing half made.
 */
export async function ensurePostgresData(data: PostgresData): Promise<void> {
  const { dataDir, binaries, user, durable } = data;
  await mkdir(dirname(dataDir), { recursive: true });
  await refuseUnreachable(data);
  const present = await readdir(dataDir).catch((): string[] => []);
  if (present.includes('PG_VERSION')) return;
  if (present.length > 0) {
    throw new PostgresFolderUnusable(
      dataDir,
      `${dataDir} holds something that is not a Postgres data folder`,
    );
  }
  const fresh = `${dataDir}.new`;
  await rm(fresh, { recursive: true, force: true });
  await mkdir(fresh, { mode: 0o700 });
  if (user) await chown(fresh, user.uid, user.gid);
  const sync = durable ? [] : ['--no-sync'];
  const locale = ['--encoding=UTF8', '--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8'];
  const access = ['-U', POSTGRES_NAME, '--auth=trust'];
  await runToEnd({ command: binaries.initdb, args: ['-D', fresh, ...access, ...locale, ...sync], user });
  await runToEnd({
    command: binaries.postgres,
    args: ['--single', '-D', fresh, 'postgres'],
    user,
    input: `CREATE DATABASE ${POSTGRES_NAME}\n`,
  });
  await rename(fresh, dataDir);
}

async function refuseUnreachable({ dataDir, user }: PostgresData): Promise<void> {
  const blocked = user && (await unreachableFolder(dataDir, user));
  if (blocked === undefined || user === undefined) return;
  throw new PostgresFolderUnusable(
    blocked,
    `Postgres refuses to run as root, so it runs as user ${user.uid}, who may not enter ${blocked}. ` +
      `Work as another user, use a folder that others can enter, or allow it: chmod o+x '${blocked}'`,
  );
}

interface Command {
  command: string;
  args: string[];
  user: SystemUser | undefined;
  input?: string;
}

async function runToEnd({ command, args, user, input }: Command): Promise<void> {
  const child = spawn(command, args, { ...user, env: ownEnv(process.env), stdio: ['pipe', 'pipe', 'pipe'] });
  // A program that ends early closes its input; its exit code and its words tell why.
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  const [output, errors, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'exit'),
  ]);
  if (code !== 0) throw new Error(`${command} ended with code ${code}:\n${output}${errors}`);
}
