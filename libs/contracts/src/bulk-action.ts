import { z } from 'zod';
import { Instant, JOB_SOURCES, Metadata } from './events/events.ts';
import { JOB_STATUSES, JobStatus } from './http/job-summary.ts';
import { ActionName, EventId, JobId, TenantId } from './ids.ts';

/** What can be done to many jobs at once. */
export const BULK_KINDS = ['cancel', 'retry', 'redeliver'] as const;
export type BulkKind = (typeof BULK_KINDS)[number];

const Time = z.iso.datetime({ offset: true });

/** Which jobs a bulk action is about: those that fit every member that is given. */
export const BulkFilter = z
  .strictObject({
    status: z.array(JobStatus).min(1).max(JOB_STATUSES.length).optional(),
    action: z.array(ActionName).min(1).max(100).optional(),
    source: z.array(z.enum(JOB_SOURCES)).min(1).max(JOB_SOURCES.length).optional(),
    /** Entries that a job's metadata must have, all of them. */
    metadata: Metadata.refine((entries) => Object.keys(entries).length > 0, 'must not be empty')
      .refine((entries) => !Object.entries(entries).flat().join('').includes('\0'), 'must not contain NUL')
      .optional(),
    /** The beginning of a job's id, a value of its metadata, or an error's code. */
    q: z
      .string()
      .min(1)
      .max(500)
      .refine((text) => text.isWellFormed() && !text.includes('\0'), 'must be text without NUL')
      .optional(),
    created_after: Time.optional(),
    created_before: Time.optional(),
    job_ids: z.array(JobId).min(1).max(1_000).optional(),
  })
  .refine((filter) => Object.keys(filter).length > 0, {
    message: 'must have at least one member',
    params: { code: 'min_properties' },
  })
  .meta({ minProperties: 1 });
export type BulkFilter = z.infer<typeof BulkFilter>;

/** How many failures a bulk action keeps as samples. */
export const BULK_MAX_FAILURES = 20;

export const BulkFailure = z.object({ job_id: JobId, code: z.string(), detail: z.string().max(500) });
export type BulkFailure = z.infer<typeof BulkFailure>;

export const BULK_STATES = ['running', 'aborted', 'done'] as const;

/** What became of the jobs that had their turn. */
export const BulkCounts = z.object({
  done: z.int().min(0),
  skipped: z.int().min(0),
  failed: z.int().min(0),
});
export type BulkCounts = z.infer<typeof BulkCounts>;

/**
 * A bulk action as it is stored, with how far it has come. Whoever works on it holds its lease, and writes on the revision
 * that it has read. What it is about to do stands in `page` before it is done, and is counted and taken out afterwards, so
 * whoever takes over does at most a page again and counts every job once.
 */
export const BulkAction = z.object({
  tenant_id: TenantId,
  bulk_id: EventId,
  action: z.enum(BULK_KINDS),
  filter: BulkFilter,
  /** The version of the newest event at its acceptance: jobs that were requested later do not match. */
  up_to: z.int().min(0),
  /** What the key that asked for it is for; absent: all of the tenant's jobs. */
  only: z.object({ actions: z.array(ActionName).optional(), metadata: Metadata.optional() }),
  /** The name of that key, and who its changes are recorded as made by. */
  created_by: z.string(),
  actor: z.string(),
  created_at: Instant,
  started_at: Instant.nullable(),
  ended_at: Instant.nullable(),
  state: z.enum(BULK_STATES),
  /** How many jobs matched when it was accepted. */
  matched: z.int().min(0),
  counts: BulkCounts,
  /** How many of them were skipped for which reason. */
  skips: z.record(z.string(), z.int()),
  failures: z.array(BulkFailure).max(BULK_MAX_FAILURES),
  /** All matching jobs up to this id have had their turn. Null: none. */
  cursor: JobId.nullable(),
  /** The next ones, by their ids, and when they were read, in Unix milliseconds. Null between two pages. */
  page: z.object({ at_ms: z.int().min(0), job_ids: z.array(JobId) }).nullable(),
  lease: z.object({ owner: z.string(), until_ms: z.int() }).nullable(),
});
export type BulkAction = z.infer<typeof BulkAction>;
