import { setTimeout as sleep } from 'node:timers/promises';
import { type DataFolder, readJson } from '../data/data-folder.ts';
import { SERVICES, type ServiceName } from '../services.ts';
import type { Say } from '../tell/progress.ts';
import { runsWith, signalProcess } from './processes.ts';

const KILL_AFTER_MS = 10_000;
const POLL_MS = 50;

interface Orphan {
  name: string;
  /** Occurs in the command line of this process and of no stranger's. */
  word: string;
  stopSignal: NodeJS.Signals;
}

/**
 * Ends what a killed supervisor of this folder left running, services before servers, and resolves when it is gone.
 * Call it as the owner of the folder's lock.
 */
export async function stopOrphans(
  folder: DataFolder,
  mainFileOf: (name: ServiceName) => string,
  say: Say,
): Promise<void> {
  const pids = (await readJson<Record<string, number>>(folder.pidsFile)) ?? {};
  const services = SERVICES.map((name): Orphan => ({ name, word: mainFileOf(name), stopSignal: 'SIGTERM' }));
  const servers: Orphan[] = [
    { name: 'nats', word: folder.natsDir, stopSignal: 'SIGTERM' },
    // Postgres treats SIGTERM as "when the last client has gone".
    { name: 'postgres', word: folder.postgresDir, stopSignal: 'SIGINT' },
  ];
  for (const group of [services, servers]) {
    await Promise.all(group.map((orphan) => stopOrphan({ ...orphan, pid: pids[orphan.name], say })));
  }
}

async function stopOrphan(orphan: Orphan & { pid: number | undefined; say: Say }): Promise<void> {
  const { name, word, stopSignal, pid, say } = orphan;
  if (pid === undefined || !(await runsWith(pid, word))) return;
  say(`${name} (pid ${pid}) was left over from a killed start; stopping it`);
  signalProcess(pid, stopSignal);
  const killAtMs = performance.now() + KILL_AFTER_MS;
  while (await runsWith(pid, word)) {
    if (performance.now() >= killAtMs) signalProcess(pid, 'SIGKILL');
    await sleep(POLL_MS);
  }
}
