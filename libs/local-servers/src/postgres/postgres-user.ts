import { stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';

/** The numbers that `nobody` and `nogroup` have on Debian; they need no entry in the user table. */
const NOBODY: SystemUser = { uid: 65_534, gid: 65_534 };

export interface SystemUser {
  uid: number;
  gid: number;
}

/**
 * Resolves to the user that Postgres has to run as in `dataDir`, undefined for the current one. Postgres refuses to run
 * as root; then it is the owner of an existing data folder, else `nobody`.
 */
export async function postgresUser(dataDir: string): Promise<SystemUser | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const owner = await stat(dataDir).catch(() => undefined);
  return owner && owner.uid !== 0 ? { uid: owner.uid, gid: owner.gid } : NOBODY;
}

/** Resolves to the outermost existing folder on the way to `path`, itself included, that `user` may not enter. */
export async function unreachableFolder(path: string, user: SystemUser): Promise<string | undefined> {
  const parent = dirname(resolve(path));
  const above = parent === resolve(path) ? undefined : await unreachableFolder(parent, user);
  if (above !== undefined) return above;
  const folder = await stat(path).catch(() => undefined);
  if (!folder) return undefined;
  let executeBit = 0o001;
  if (folder.uid === user.uid) executeBit = 0o100;
  else if (folder.gid === user.gid) executeBit = 0o010;
  return (folder.mode & executeBit) === 0 ? path : undefined;
}
