import { spawn } from 'node:child_process';
import { hash } from 'node:crypto';
import { once } from 'node:events';
import { chown, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { ownEnv } from '../own-env.ts';
import type { PostgresBinaries } from './find-postgres.ts';
import { type SystemUser, unreachableFolder } from './postgres-user.ts';

/** The name of the role, a superuser, and of the database that a data folder starts with. */
export const POSTGRES_NAME = 'errand';

/** The services' role, with a password: it owns the database and what is in it, and is not a superuser. */
export const SERVICES_ROLE = 'errand_services';

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
  /** Password of `SERVICES_ROLE`, in visible ASCII without quotes; if set, nobody else is let in. */
  password?: string | undefined;
}

/**
 * Creates a data folder with its role and its database, unless there is one. Connections from this machine need no
 * password unless one is given. It is built beside its place and renamed, so an interrupted start leaves nothing half
 * made.
 */
export async function ensurePostgresData(data: PostgresData): Promise<void> {
  await makeData(data);
  if (data.password !== undefined) await guardData(data, data.password);
}

async function makeData(data: PostgresData): Promise<void> {
  const { dataDir, binaries, user, durable } = data;
  await mkdir(dirname(dataDir), { recursive: true });
  await refuseUnreachable(data);
  const present = await readdir(dataDir).catch((): string[] => []);
  if (present.includes('PG_VERSION')) return;
  if (present.length > 0) {
    throw new PostgresFolderUnusable(
      dataDir,
      `${dataDir} contains something other than a Postgres data folder`,
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

/**
 * Lets in only the services, with their password. An older folder, in which a superuser owned everything and nobody
 * needed a password, is handed over to them. The new rules are written last, so that an interrupted hand-over is
 * repeated.
 */
async function guardData({ dataDir, binaries, user }: PostgresData, password: string): Promise<void> {
  const place = join(dataDir, 'pg_hba.conf');
  const rules =
    `# For the password whose SHA-256 begins with ${hash('sha256', password, 'hex').slice(0, 16)}\n` +
    `host ${POSTGRES_NAME} ${SERVICES_ROLE} 127.0.0.1/32 scram-sha-256\n`;
  if ((await readFile(place, 'utf8')) === rules) return;
  await runToEnd({
    command: binaries.postgres,
    args: ['--single', '-j', '-D', dataDir, POSTGRES_NAME],
    user,
    input: handOver(password),
  });
  const fresh = `${place}.new`;
  await writeFile(fresh, rules, { mode: 0o600 });
  if (user) await chown(fresh, user.uid, user.gid);
  await rename(fresh, place);
}

/** In single-user mode an empty line ends a statement. */
function handOver(password: string): string {
  const inPublic = (column: string) => `${column} = 'public'::regnamespace`;
  return [
    `DO $$ BEGIN CREATE ROLE ${SERVICES_ROLE}; EXCEPTION WHEN duplicate_object THEN NULL; END $$`,
    `ALTER ROLE ${SERVICES_ROLE} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD '${password}'`,
    `ALTER DATABASE ${POSTGRES_NAME} OWNER TO ${SERVICES_ROLE}`,
    `DO $$ DECLARE object text; BEGIN
      FOR object IN SELECT oid::regclass FROM pg_class WHERE ${inPublic('relnamespace')} AND relkind IN ('r', 'p', 'v', 'm') LOOP
        EXECUTE format('ALTER TABLE %s OWNER TO ${SERVICES_ROLE}', object);
      END LOOP;
      FOR object IN SELECT oid::regprocedure FROM pg_proc WHERE ${inPublic('pronamespace')} LOOP
        EXECUTE format('ALTER ROUTINE %s OWNER TO ${SERVICES_ROLE}', object);
      END LOOP;
    END $$`,
  ]
    .map((statement) => `${statement};\n\n`)
    .join('');
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
  // A program that ends early closes its input; its exit code and output tell why.
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  const [output, errors, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'exit'),
  ]);
  // In single-user mode Postgres reports failures but exits with 0.
  if (code !== 0 || /\b(?:ERROR|FATAL): /.test(errors)) {
    throw new Error(`${command} ended with code ${code}:\n${output}${errors}`);
  }
}
