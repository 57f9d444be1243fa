import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { commandLine } from '../process/processes.ts';

export type FolderLock =
  | { kind: 'locked'; release: () => Promise<void> }
  /** Another supervisor lives. */
  | { kind: 'held'; pid: number };

/**
 * Takes the lock file for this process. It holds its owner's pid and command line: pids are used again, so the pid alone
 * names nobody. If the owner no longer runs, its lock is taken over.
 */
export async function lockFolder(lockFile: string): Promise<FolderLock> {
  const mine = `${lockFile}.${process.pid}`;
  await writeFile(mine, `${process.pid}\n${await commandLine(process.pid)}`);
  try {
    for (;;) {
      if (await linkNew(mine, lockFile)) {
        return { kind: 'locked', release: () => rm(lockFile, { force: true }) };
      }
      const owner = await readOwner(lockFile);
      if (owner.pid !== process.pid && (await runs(owner))) return { kind: 'held', pid: owner.pid };
      await setAside(lockFile, owner.pid);
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
  if ((await readOwner(aside)).pid !== stalePid) await linkNew(aside, lockFile).catch(() => {});
  await rm(aside, { force: true });
}

interface Owner {
  readonly pid: number;
  /** Empty in a lock of version 0.1, which only knew `npm start`. */
  readonly command: string;
}

async function runs({ pid, command }: Owner): Promise<boolean> {
  const running = await commandLine(pid);
  return command === '' ? running.includes('main.ts') : running === command;
}

async function readOwner(path: string): Promise<Owner> {
  const content = await readFile(path, 'utf8').catch(() => '');
  const [pid = '', ...command] = content.split('\n');
  return { pid: Number.parseInt(pid, 10) || 0, command: command.join('\n') };
}
