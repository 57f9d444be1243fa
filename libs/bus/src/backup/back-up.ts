import { randomUUIDv7 } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import {
  AUDIT_STREAM,
  BACKUP_POSITION,
  type BackupManifest,
  type BackupPart,
  BUCKETS,
  backupOrder,
  JOBS_STREAM,
  LogPosition,
} from '@errand/contracts';
import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { openBucket } from '../buckets/buckets.ts';
import { type ConnectOptions, connectBus } from '../connect/connect.ts';
import { refuseDuringRestore } from '../connect/provision.ts';
import { createServerClock } from '../connect/server-clock.ts';
import { LogUnavailable } from '../errors.ts';
import { createAuditReader } from '../read/read-audit.ts';
import { createLogReader } from '../read/read-log.ts';
import type { BackupFolder } from './folder.ts';
import { openSnapshot } from './snapshots.ts';
import { type BackupStore, BackupUnusable } from './store.ts';
import { sizeText, tellProgress } from './tell-progress.ts';

export interface BackupOptions extends ConnectOptions {
  readonly store: BackupStore & Partial<Pick<BackupFolder, 'isWhole'>>;
  /** One line for people. */
  readonly say: (line: string) => void;
}

/** What JOBS refers to may have left after some days, or have been withdrawn. */
const KEPT_MS = 86_400_000;
/** The log may be trimmed so far that AUDIT and JOBS do not meet, while nobody reads this backup's position. */
const MOST_TRIES = 3;
const TRY_AGAIN_MS = 1_000;
const PIN_MS = 60_000;
const ASK_MS = 10_000;

/**
 * Takes a backup of a system, running or not. One that was interrupted goes on: what is complete, and still fits what comes
 * after it, is kept.
 * @throws BackupUnusable, LogUnavailable
 */
export async function backUp(options: BackupOptions): Promise<BackupManifest> {
  const { store, say, signal } = options;
  const begun = await store.readManifest();
  if (begun?.completed_at) throw new BackupUnusable('there is a complete backup: choose another folder');
  const { nc } = await connectBus(options);
  try {
    await refuseDuringRestore(nc, signal);
    const jsm = await jetstreamManager(nc, { checkAPI: false, timeout: ASK_MS });
    const parts = begun ? await keptParts(begun.parts, jsm, options) : [];
    const { backup_id, began_at } =
      begun && parts.length > 0 ? begun : { backup_id: randomUUIDv7(), began_at: new Date().toISOString() };
    const nats_version = nc.info?.version ?? '';
    let manifest: BackupManifest = {
      format: 1,
      backup_id,
      began_at,
      completed_at: null,
      nats_version,
      parts,
    };
    const keep = async (parts: readonly BackupPart[], completedAt: string | null = null) => {
      manifest = { ...manifest, parts: [...parts], completed_at: completedAt };
      await store.writeManifest(manifest);
    };
    await keep(manifest.parts);
    await using pin = await holdLog(nc, jsm, coveredBy(manifest.parts));
    if (hasJobs(manifest.parts)) await pin.release();
    let tries = 1;
    for (let next = nextStream(manifest.parts); next !== undefined; next = nextStream(manifest.parts)) {
      signal?.throwIfAborted();
      if (next === AUDIT_STREAM) await pin.move();
      const part = await takePart(nc, next, { ...options, coveredVersion: pin.version });
      const parts = [...manifest.parts, part];
      if (next === JOBS_STREAM && !meets(part.head.state.first_seq, parts)) {
        if (tries++ === MOST_TRIES) throw new LogUnavailable('events leave JOBS faster than AUDIT is copied');
        say('JOBS has let go what AUDIT had not yet: both are taken again');
        await keep(withoutLog(parts));
        await pause(TRY_AGAIN_MS);
        continue;
      }
      await keep(parts);
      if (next === JOBS_STREAM) await pin.release();
    }
    await keep(manifest.parts, new Date().toISOString());
    return manifest;
  } finally {
    await nc.close();
  }
}

function nextStream(parts: readonly BackupPart[]): string | undefined {
  return backupOrder().find((stream) => parts.every((part) => part.stream !== stream));
}

async function takePart(
  nc: NatsConnection,
  stream: string,
  { store, say, signal, coveredVersion }: BackupOptions & { coveredVersion: number },
): Promise<BackupPart> {
  const takenAt = new Date().toISOString();
  const snapshot = await openSnapshot(nc, stream);
  if (!snapshot) throw new BackupUnusable(`there is no stream ${stream}: a system has to be started once`);
  const { head, chunks } = snapshot;
  const told = tellProgress(stream, { totalBytes: head.state.bytes, say, signal });
  const written = await store.write(stream, told(chunks));
  say(`${stream}  ${head.state.messages} messages, ${sizeText(written.bytes)}`);
  const covered = stream === AUDIT_STREAM ? { covered_version: coveredVersion } : {};
  return { stream, taken_at: takenAt, head, ...written, ...covered };
}

const withoutLog = (parts: readonly BackupPart[]) =>
  parts.filter(({ stream }) => stream !== AUDIT_STREAM && stream !== JOBS_STREAM);

const hasJobs = (parts: readonly BackupPart[]) => parts.some(({ stream }) => stream === JOBS_STREAM);

function coveredBy(parts: readonly BackupPart[]): number | undefined {
  return parts.find(({ stream }) => stream === AUDIT_STREAM)?.covered_version;
}

/** Whether AUDIT, as it was copied, has every event before the first one that JOBS has. */
function meets(firstVersion: number, parts: readonly BackupPart[]): boolean {
  return firstVersion <= (coveredBy(parts) ?? 0) + 1;
}

/**
 * What may stay of an interrupted backup: whole parts, from the first one on without a gap, if they are of this log and not
 * much older than what comes behind them. AUDIT stays without JOBS only if JOBS still has all that comes behind it.
 */
async function keptParts(
  found: readonly BackupPart[],
  jsm: JetStreamManager,
  { store, say }: BackupOptions,
): Promise<BackupPart[]> {
  const kept: BackupPart[] = [];
  for (const part of found) {
    if (!(await store.isWhole?.(part))) break;
    kept.push(part);
  }
  const { state, created } = await jsm.streams.info(JOBS_STREAM);
  const [first] = kept;
  const takenMs = Date.parse(first?.taken_at ?? '');
  if (first && (Date.parse(String(created)) > takenMs || Date.now() - takenMs > KEPT_MS)) {
    say('what was copied is of another log, or too old: all of it is taken again');
    return [];
  }
  const fitting = hasJobs(kept) || meets(state.first_seq, kept) ? kept : withoutLog(kept);
  if (fitting.length > 0) say(`goes on behind ${fitting.map(({ stream }) => stream).join(', ')}`);
  return fitting;
}

/** Keeps what a copy of AUDIT does not have in JOBS, until it is released. */
async function holdLog(nc: NatsConnection, jsm: JetStreamManager, coveredVersion: number | undefined) {
  const positions = await openBucket(nc, BUCKETS.positions, LogPosition);
  const clock = createServerClock(jsm);
  const [audit, log] = [createAuditReader(nc, jsm), createLogReader(nc, jsm)];
  let version = coveredVersion ?? (await readCovered());
  let telling = Promise.resolve();
  const tell = () => {
    telling = telling
      .then(async () => {
        const until_ms = Math.round(Date.now() - (await clock.clockAheadMs(Date.now)) + PIN_MS);
        await positions.put(BACKUP_POSITION, { version, until_ms });
      })
      // The next one comes soon, and what left meanwhile is noticed.
      .catch(() => {});
    return telling;
  };
  await tell();
  const timer = setInterval(() => void tell(), PIN_MS / 4);

  /** Behind the newest event of AUDIT there may be messages of JOBS that are no events. */
  async function readCovered(): Promise<number> {
    const { beganAt, lastVersion } = await log.reach();
    const lastEvent = await log.lastEvent();
    const audited = Math.max(await audit.version(), beganAt - 1);
    return audited >= lastEvent ? Math.max(audited, lastVersion) : audited;
  }
  async function release(): Promise<void> {
    clearInterval(timer);
    await telling;
    await positions.delete(BACKUP_POSITION).catch(() => {});
  }
  return {
    get version() {
      return version;
    },
    /** Keeps only what AUDIT does not have at this moment. */
    async move() {
      version = await readCovered();
      await tell();
    },
    release,
    [Symbol.asyncDispose]: release,
  };
}
