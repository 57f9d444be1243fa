import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { runsWith } from '../process/processes.ts';

export type FolderLock =
  | { kind: 'locked'; release: () => Promise<void> }
  /** Another supervisor lives. */
  | { kind: 'held'; pid: number };

/**
 * Takes the lock file, which holds its owner's pid, for this process. If the owner no longer runs, its lock is taken
 * over. `ownerWord` is in the command line of every possible owner.
 */
export async function lockFolder(lockFile: string, ownerWord: string): Promise<FolderLock> {
  const mine = `${lockFile}.${process.pid}`;
  await writeFile(mine, String(process.pid));
  try {
    for (;;) {
      if (await linkNew(mine, lockFile)) {
        return { kind: 'locked', release: () => rm(lockFile, { force: true }) };
      }
      const pid = await readPid(lockFile);
      if (pid !== process.pid && (await runsWith(pid, ownerWord))) return { kind: 'held', pid };
      await setAside(lockFile, pid);
    }
  } finally {
    await rm(mine, { force: true });
  }
}

/** A link, unlike a write, appears with its content, and never replaces an existing file. */
async function linkNew(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** Removes the lock of `stalePid`. If another process took it over meanwhile, its lock is put back. */
async function setAside(lockFile: string, stalePid: number): Promise<void> {
  const aside = `${lockFile}.stale.${process.pid}`;
  await rename(lockFile, aside).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
  if ((await readPid(aside)) !== stalePid) await linkNew(aside, lockFile).catch(() => {});
  await rm(aside, { force: true });
}

async function readPid(path: string): Promise<number> {
  const content = await readFile(path, 'utf8').catch(() => '');
  return Number.parseInt(content, 10) || 0;
}
