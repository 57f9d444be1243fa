import {
  AUDIT_STREAM,
  type BackupManifest,
  type BackupPart,
  JOBS_STREAM,
  RESTORE_STREAM,
  type SnapshotHead,
} from '@errand/contracts';
import {
  type JetStreamManager,
  jetstreamManager,
  type StreamConfig,
  type StreamInfo,
} from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { type ConnectOptions, connectBus } from '../connect/connect.ts';
import { assertVersion, findStream } from '../connect/provision.ts';
import { JS } from '../errors.ts';
import type { BackupFolder } from './folder.ts';
import { goOn } from './go-on.ts';
import { ApiRefusal, restoreSnapshot } from './snapshots.ts';
import { BackupUnusable } from './store.ts';
import { tellProgress } from './tell-progress.ts';

export interface RestoreOptions extends ConnectOptions {
  readonly store: BackupFolder;
  /** Copies of each stream, whatever the backup had. */
  readonly replicas: number;
  /** Deletes what is there. */
  readonly replaces: boolean;
  /** One line for people. */
  readonly say: (line: string) => void;
}

const ASK_MS = 10_000;

/**
 * Makes the streams of a backup anew, in the opposite order, so that nothing that is there refers to what is not. Goes on
 * with one that was interrupted. No service may run meanwhile; those that are started wait for its end.
 *
 * The log was lost with events behind the backup, and their versions are known outside: in cursors, answers and rows. So
 * JOBS goes on at a version beyond all of them. It cannot keep its events then, which AUDIT has: the scheduler brings back
 * the jobs that have not ended.
 * @throws BackupUnusable, LogUnavailable, UnfitServer
 */
export async function restore(options: RestoreOptions): Promise<BackupManifest> {
  const { say } = options;
  const manifest = await readWhole(options);
  const { nc } = await connectBus(options);
  try {
    assertVersion(nc.info?.version ?? 'unknown');
    const jsm = await jetstreamManager(nc, { checkAPI: false, timeout: ASK_MS });
    const progress = await openProgress(jsm, manifest, options);
    for (const part of manifest.parts.toReversed()) {
      const { stream } = part;
      if (progress.done.has(stream)) continue;
      options.signal?.throwIfAborted();
      await deleteStream(jsm, stream);
      await restorePart(nc, part, options);
      await progress.add(stream);
      say(`${stream}  ${part.head.state.messages} messages`);
    }
    await goOnFrom(nc, jsm, manifest.parts);
    await deleteStream(jsm, RESTORE_STREAM);
    return manifest;
  } finally {
    await nc.close();
  }
}

/** Reads all of a backup once, before anything is touched. */
async function readWhole({ store, say }: RestoreOptions): Promise<BackupManifest> {
  const manifest = await store.readManifest();
  if (!manifest) throw new BackupUnusable('there is no backup');
  if (manifest.completed_at === null) {
    throw new BackupUnusable('the backup is not complete: errand backup goes on with it');
  }
  for (const part of manifest.parts) {
    if (await store.isWhole(part)) continue;
    throw new BackupUnusable(`${part.stream} is not as it was backed up; nothing was restored`);
  }
  say(`a backup of ${manifest.completed_at}, unchanged`);
  return manifest;
}

/** Makes sure that a log may be made here, and remembers how far it is. */
async function openProgress(
  jsm: JetStreamManager,
  { backup_id: backupId, parts }: BackupManifest,
  { replicas, replaces }: RestoreOptions,
): Promise<{ done: Set<string>; add(stream: string): Promise<void> }> {
  const found = await findStream(jsm, RESTORE_STREAM);
  const { backup = undefined, done = '' } = found?.config.metadata ?? {};
  const known = new Set(backup === backupId ? done.split(' ') : []);
  if (backup !== backupId) {
    const there = await occupied(jsm, parts);
    if (there.length > 0 && !replaces) {
      throw new BackupUnusable(`this NATS has data in ${there.join(', ')}; with --replace it is deleted`);
    }
    await deleteStream(jsm, RESTORE_STREAM);
    const metadata = { backup: backupId, done: '' };
    await jsm.streams.add({ name: RESTORE_STREAM, num_replicas: replicas, metadata });
    // Those first that copy others.
    for (const { stream } of parts) await deleteStream(jsm, stream);
  }
  return {
    done: known,
    async add(stream) {
      known.add(stream);
      const metadata = { backup: backupId, done: [...known].join(' ') };
      await jsm.streams.update(RESTORE_STREAM, { metadata });
    },
  };
}

async function occupied(jsm: JetStreamManager, parts: readonly BackupPart[]): Promise<string[]> {
  const infos = await Promise.all(parts.map(({ stream }) => findStream(jsm, stream)));
  return infos.flatMap((info) => (info && info.state.messages > 0 ? [info.config.name] : []));
}

async function restorePart(
  nc: NatsConnection,
  { stream, head, bytes }: BackupPart,
  { store, replicas, say, signal }: RestoreOptions,
): Promise<void> {
  const { config, state } = head;
  const told = tellProgress(stream, { totalBytes: bytes, say, signal });
  const copied: SnapshotHead['config'] = { ...config, num_replicas: replicas };
  // Its events must not leave by their age before AUDIT has them.
  if (stream === JOBS_STREAM) copied.max_age = 0;
  // To the server JOBS is another stream, so it would copy all of it once more: see `copyRest`.
  const { sources: _, ...alone } = copied;
  try {
    await restoreSnapshot(nc, { config: alone, state }, told(store.read(stream)));
  } catch (error) {
    if (!(error instanceof ApiRefusal && error.jsCode === JS.streamInUse)) throw error;
    throw new BackupUnusable(`something has made ${stream} meanwhile: stop all services, and restore again`);
  }
}

async function goOnFrom(
  nc: NatsConnection,
  jsm: JetStreamManager,
  parts: readonly BackupPart[],
): Promise<void> {
  const { config, state } = headOf(parts, JOBS_STREAM);
  await goOn(nc, jsm, {
    jobs: config as StreamInfo['config'],
    audit: headOf(parts, AUDIT_STREAM).config as Partial<StreamConfig>,
    lastVersion: state.last_seq,
    neededFrom: { version: state.first_seq, storedMs: Date.parse(state.first_ts) },
  });
}

function headOf(parts: readonly BackupPart[], wanted: string): SnapshotHead {
  const head = parts.find(({ stream }) => stream === wanted)?.head;
  if (!head) throw new BackupUnusable(`the backup has no ${wanted}`);
  return head;
}

async function deleteStream(jsm: JetStreamManager, stream: string): Promise<void> {
  if (await findStream(jsm, stream)) await jsm.streams.delete(stream);
}
