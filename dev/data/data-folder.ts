import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';

/** Where everything of a local system is kept; all paths are absolute. */
export interface DataFolder {
  readonly path: string;
  readonly natsDir: string;
  readonly postgresDir: string;
  /** Holds the pid of the supervisor that owns the folder. */
  readonly lockFile: string;
  /** How to reach the running system; absent while none runs. */
  readonly localFile: string;
  /** The pids of the supervisor's children, since the first start, for whoever cleans up after it. */
  readonly pidsFile: string;
  readonly portsFile: string;
  readonly secretsFile: string;
  /** How large the log may grow here. */
  readonly sizesFile: string;
  logFile(name: string): string;
}

/** The layout of a data folder; touches nothing. */
export function dataFolderAt(dir: string): DataFolder {
  const path = resolve(dir);
  return {
    path,
    natsDir: join(path, 'nats'),
    postgresDir: join(path, 'postgres'),
    lockFile: join(path, 'lock'),
    localFile: join(path, 'local.json'),
    pidsFile: join(path, 'pids.json'),
    portsFile: join(path, 'ports.json'),
    secretsFile: join(path, 'secrets.json'),
    sizesFile: join(path, 'sizes.json'),
    logFile: (name) => join(path, 'logs', `${name}.log`),
  };
}

/**
 * Creates the folder if it does not exist. Other users may pass through it but not list it: Postgres, which refuses to
 * run as root, is then another user.
 */
export async function makeDataFolder(folder: DataFolder): Promise<void> {
  await mkdir(folder.path, { recursive: true, mode: 0o711 });
  await mkdir(join(folder.path, 'logs'), { recursive: true, mode: 0o700 });
}

/**
 * Resolves to what the file holds, undefined when there is none.
 * @throws when it is not JSON.
 */
export async function readJson<T>(path: string): Promise<T | undefined> {
  const content = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (content === undefined) return undefined;
  try {
    return JSON.parse(content) as T;
  } catch (cause) {
    throw new Error(`${path} is not JSON; delete it to have it recreated`, { cause });
  }
}

/** Replaces the file in one step, so that a reader sees the old or the new one; only the owner may read it. */
export async function writeJson(path: string, value: unknown): Promise<void> {
  const fresh = `${path}.${randomUUID()}`;
  try {
    await writeFile(fresh, `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600, flush: true });
    await rename(fresh, path);
  } finally {
    await rm(fresh, { force: true });
  }
}
