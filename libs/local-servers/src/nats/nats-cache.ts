import { randomUUID } from 'node:crypto';
import { chmod, mkdir, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { type NatsBinary, probeNatsServer } from './probe-nats-server.ts';

/** The path of the fetched nats-server of this user: `$XDG_CACHE_HOME` or `~/.cache`, one per platform. */
export function natsCachePath(env: NodeJS.ProcessEnv = process.env): string {
  const cache = env.XDG_CACHE_HOME || join(homedir(), '.cache');
  return join(cache, 'errand', 'nats-server', `${process.platform}-${process.arch}`, 'nats-server');
}

/**
 * Puts the output of `write` into the cache, after it was run once. Several processes may do so at once: the rename is
 * atomic, so none ever sees half a file.
 */
export async function putIntoNatsCache(
  write: (path: string) => Promise<void>,
  source: string,
): Promise<NatsBinary> {
  const cached = natsCachePath();
  const fresh = `${cached}.${randomUUID()}`;
  await mkdir(dirname(cached), { recursive: true });
  try {
    await write(fresh);
    await chmod(fresh, 0o755);
    const binary = await probeNatsServer(fresh, source);
    await rename(fresh, cached);
    return { ...binary, path: cached };
  } finally {
    await rm(fresh, { force: true });
  }
}
