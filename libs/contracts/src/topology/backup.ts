import { z } from 'zod';
import {
  AUDIT_STREAM,
  BUCKETS,
  type BucketName,
  CONFIG_STREAM,
  DEAD_LETTERS_STREAM,
  DEFAULT_TOPOLOGY,
  JOBS_STREAM,
  LOGS_STREAM,
  streams,
} from './topology.ts';

/*
 * A backup is one snapshot for each stream, taken while the system runs, so each is of another moment. What refers to
 * something is taken before that, so nothing in a backup refers to what is not in it.
 */

/** They say who is alive at the moment. */
const NOT_KEPT: readonly BucketName[] = [BUCKETS.probes, BUCKETS.executors];

/**
 * Every stream of a backup in the order in which it is taken; it is restored in the opposite one.
 *
 *   DEAD_LETTERS   copies of events of JOBS
 *   LOGS           what jobs of JOBS have said
 *   AUDIT          copies of events of JOBS, from which it goes on: ahead of JOBS it would pass new events by
 *   JOBS           refers to payloads, and to tenants, contracts and endpoints by their ids
 *   OBJ_payloads
 *   buckets        a remembered Idempotency-Key may be of a run that JOBS has not got: it is then appended. Tenants come last,
 *                  since most entries are of one
 *   CONFIG         its records are of the buckets' changes: one whose change is not there is withdrawn by gateways, and a
 *                  change without a record would be a finding
 */
export function backupOrder(): string[] {
  const first: readonly string[] = [DEAD_LETTERS_STREAM, LOGS_STREAM, AUDIT_STREAM, JOBS_STREAM];
  const others = streams(DEFAULT_TOPOLOGY)
    .map(({ name }): string => name)
    .filter((name) => !first.includes(name) && name !== CONFIG_STREAM);
  const buckets = Object.values(BUCKETS).filter(
    (name) => !NOT_KEPT.includes(name) && name !== BUCKETS.tenants,
  );
  const ordered = [...buckets, BUCKETS.tenants].map((name) => `KV_${name}`);
  return [...first, ...others, ...ordered, CONFIG_STREAM];
}

/** What the server said of a stream as it began the snapshot, for it to take back. */
const SnapshotHead = z.object({
  config: z.looseObject({ name: z.string() }),
  state: z.looseObject({
    messages: z.int(),
    bytes: z.int(),
    first_seq: z.int(),
    first_ts: z.string(),
    last_seq: z.int(),
  }),
});
export type SnapshotHead = z.infer<typeof SnapshotHead>;

const BackupPart = z.object({
  stream: z.string().regex(/^\w+$/),
  taken_at: z.string(),
  head: SnapshotHead,
  bytes: z.int(),
  sha256: z.string(),
  /** Of AUDIT: the version up to which it certainly has every event. */
  covered_version: z.int().optional(),
});
export type BackupPart = z.infer<typeof BackupPart>;

export const BackupManifest = z.object({
  format: z.literal(1),
  backup_id: z.string(),
  began_at: z.string(),
  /** Null for one that is not complete. */
  completed_at: z.string().nullable(),
  nats_version: z.string(),
  /** Complete ones, in the order in which they were taken. */
  parts: z.array(BackupPart),
});
export type BackupManifest = z.infer<typeof BackupManifest>;
