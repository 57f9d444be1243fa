import { rm } from 'node:fs/promises';
import { SERVICES } from '../services.ts';
import { type DataFolder, writeJson } from './data-folder.ts';

/** How to reach the running system. */
export interface LocalFacts {
  url: string;
  tenant_id: string;
  api_key: string;
  admin_key: string;
  nats_url: string;
  postgres_url: string;
}

/** The content of `local.json`. A server that `npm start` did not start has the pid null. */
export interface LocalFile extends LocalFacts {
  pids: Record<string, number | null>;
}

const NAMES = [...SERVICES, 'nats', 'postgres'];

/** Keeps `pids.json`, and `local.json` from `publish` on, in step with the processes. Writes are in order. */
export interface LocalFiles {
  publish(facts: LocalFacts): Promise<void>;
  pidsChanged(): void;
  remove(): Promise<void>;
}

export function createLocalFiles(folder: DataFolder, pids: () => Record<string, number>): LocalFiles {
  let facts: LocalFacts | undefined;
  let isRemoved = false;
  let writes = Promise.resolve();

  const write = async () => {
    if (isRemoved) return;
    const started = pids();
    await writeJson(folder.pidsFile, started);
    if (facts === undefined) return;
    const all = Object.fromEntries(NAMES.map((name) => [name, started[name] ?? null]));
    const content: LocalFile = { ...facts, pids: { ...all, supervisor: process.pid } };
    await writeJson(folder.localFile, content);
  };
  const enqueue = (work: () => Promise<void>) => {
    const done = writes.then(work);
    writes = done.catch(() => {});
    return done;
  };
  return {
    publish(published) {
      facts = published;
      return enqueue(write);
    },
    pidsChanged() {
      // A full disk must not end a running system.
      enqueue(write).catch((error) => console.error(`${folder.localFile} was not written: ${error}`));
    },
    remove: () =>
      enqueue(async () => {
        isRemoved = true;
        await rm(folder.localFile, { force: true });
        await rm(folder.pidsFile, { force: true });
      }),
  };
}
