/*
 * `errand backup` and `errand restore`, as the package `@errand/server` has them: they speak to NATS itself, with the
 * settings of the services.
 */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { BackupUnusable, backUp, openFolder, restore as restoreLog, streamStore, unpack } from '@errand/bus';
import type { BackupManifest } from '@errand/contracts';
import { BUS_SETTINGS, parseConfig } from '@errand/runtime';
import { lockFolder } from './data/folder-lock.ts';

interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  /** One line for people. */
  readonly say: (line: string) => void;
}

/** What a caller is told of a backup. */
interface Told {
  readonly backup_id: string;
  readonly completed_at: string | null;
  readonly parts: readonly { stream: string; messages: number; bytes: number }[];
}

/** In place of a folder: everything as one stream, on stdout or stdin. */
const ONE_STREAM = '-';

/** Writes a backup to a folder, or to `stdout` for `-`. */
export async function backup(place: string, world: Surroundings & { stdout: Writable }): Promise<Told> {
  await using resources = new AsyncDisposableStack();
  if (place !== ONE_STREAM) resources.defer(await holdFolder(place));
  const store = place === ONE_STREAM ? streamStore(world.stdout) : openFolder(place);
  return toldOf(await backUp({ ...busOptions('backup', world), store, say: world.say }));
}

/** Two that write the same files would leave one that says that it is complete, and is not. @throws BackupUnusable */
async function holdFolder(place: string): Promise<() => Promise<void>> {
  await mkdir(place, { recursive: true, mode: 0o700 });
  const lock = await lockFolder(join(place, 'lock'));
  if (lock.kind === 'held') throw new BackupUnusable(`process ${lock.pid} is writing a backup to ${place}`);
  return lock.release;
}

/** Restores a backup of a folder, or of `stdin` for `-`. */
export async function restore(
  place: string,
  world: Surroundings & { stdin: Readable; replaces: boolean },
): Promise<Told> {
  await using resources = new AsyncDisposableStack();
  let folder = place;
  if (place === ONE_STREAM) {
    folder = await mkdtemp(join(tmpdir(), 'errand-restore-'));
    resources.defer(() => rm(folder, { recursive: true }));
  }
  const store = openFolder(folder);
  if (place === ONE_STREAM) await unpack(world.stdin, store);
  const { say, replaces } = world;
  return toldOf(await restoreLog({ ...busOptions('restore', world), store, say, replaces }));
}

function busOptions(name: string, { env, signal, say }: Surroundings) {
  const config = parseConfig(BUS_SETTINGS, env);
  return {
    servers: config.natsUrl,
    access: config,
    replicas: config.replicas,
    name: `errand-${name}`,
    signal,
    onStatus: (status: string, detail: string) => say(`NATS: ${status} ${detail}`),
  };
}

function toldOf({ backup_id, completed_at, parts }: BackupManifest): Told {
  return {
    backup_id,
    completed_at,
    parts: parts.map(({ stream, head, bytes }) => ({ stream, messages: head.state.messages, bytes })),
  };
}
