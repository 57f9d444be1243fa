import { setTimeout as pause } from 'node:timers/promises';
import {
  AUDIT_STREAM,
  BACKUP_POSITION,
  BUCKETS,
  JOBS_STREAM,
  LogPosition,
  PROJECTION_READER,
  WEBHOOKS_READER,
} from '@errand/contracts';
import type { JetStreamManager, StreamConfig, StreamInfo } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { openBucket } from '../buckets/buckets.ts';
import { firstVersion, MAX_EVENTS_PER_S, provisionRedrives } from '../connect/provision.ts';
import { LogUnavailable } from '../errors.ts';
import { leaveRestored, type NeededFrom } from '../log/trim-log.ts';
import { createAuditReader } from '../read/read-audit.ts';
import { createLogReader } from '../read/read-log.ts';

/** What a copy of the log was. */
interface CopiedLog {
  readonly jobs: StreamInfo['config'];
  readonly audit: Partial<StreamConfig>;
  /** Of JOBS, as it was copied. */
  readonly lastVersion: number;
  readonly neededFrom: NeededFrom;
}

/** A lost log may have begun this very second, and by a clock that much ahead of this one. */
const LOST_S = 60;
const FOLLOW_MS = 100;
/** AUDIT takes over JOBS' newest events by itself; so long without one, and it does not. */
const STALL_MS = 60_000;

/** Makes copies of JOBS and AUDIT a log that goes on, beyond all versions that there were. It may be done again. */
export async function goOn(
  nc: NatsConnection,
  jsm: JetStreamManager,
  { jobs, audit, lastVersion, neededFrom }: CopiedLog,
): Promise<void> {
  const { state, config } = await jsm.streams.info(JOBS_STREAM);
  // Once it was done JOBS is empty. A mirror may have got more since its last version was noted.
  if (state.messages > 0 || state.first_seq <= lastVersion + 1) {
    const auditedVersion = await copyRest(nc, jsm, audit);
    await leaveRestored(jsm, {
      config: { ...jobs, num_replicas: config.num_replicas },
      neededFrom,
      next: Math.max(firstVersion(), state.last_seq, auditedVersion) + MAX_EVENTS_PER_S * LOST_S,
    });
  }
  // Now that JOBS has nothing that AUDIT has, it may follow from the beginning.
  await jsm.streams.update(AUDIT_STREAM, { sources: audit.sources ?? [], subjects: [] });
  const positions = await openBucket(nc, BUCKETS.positions, LogPosition);
  // An empty database does not know of which endings receivers have been told.
  for (const name of [WEBHOOKS_READER.name, BACKUP_POSITION]) await positions.delete(name);
  // A copy has no consumers, and services that may make none cannot work without these.
  for (const { name } of [PROJECTION_READER, WEBHOOKS_READER]) await provisionRedrives(nc, name);
}

/** Has AUDIT copy what it does not have, waits until it has every event of JOBS, and resolves with its newest version. */
async function copyRest(
  nc: NatsConnection,
  jsm: JetStreamManager,
  { sources = [] }: Partial<StreamConfig>,
): Promise<number> {
  const wanted = await createLogReader(nc, jsm).lastEvent();
  const audit = createAuditReader(nc, jsm);
  const { config } = await jsm.streams.info(AUDIT_STREAM);
  if (!config.sources?.length) {
    const opt_start_seq = (await audit.version()) + 1;
    const rest = sources.map((source) => ({ ...source, opt_start_seq }));
    await jsm.streams.update(AUDIT_STREAM, { sources: rest, subjects: [] });
  }
  let reached = 0;
  let movedAt = performance.now();
  let version = await audit.version();
  for (; version < wanted; version = await audit.version()) {
    if (version > reached) movedAt = performance.now();
    reached = version;
    if (performance.now() - movedAt > STALL_MS) throw new LogUnavailable(`${AUDIT_STREAM} does not follow`);
    await pause(FOLLOW_MS);
  }
  return version;
}
