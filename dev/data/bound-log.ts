import { copyFile, stat, truncate } from 'node:fs/promises';

/** How large the log of a process may grow; it is there twice at most. */
export const MAX_LOG_BYTES = 50_000_000;

/**
 * Begins a log file again if it is larger than `maxBytes`: what it had is in `<path>.1`, in place of what was there. Its
 * writers, who append, need not know of it. What they write in the moment between is lost.
 */
export async function boundLog(path: string, maxBytes: number): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined || found.size <= maxBytes) return;
  await copyFile(path, `${path}.1`);
  await truncate(path);
}
