import { z } from 'zod';
import { Instant, Metadata } from '../events/events.ts';
import { JobFault } from '../events/faults.ts';
import { ENDED_STATUSES } from '../events/job-endings.ts';
import { ResultLink } from '../events/payload-ref.ts';
import { ActionName, JobId, ScheduleId, TenantId } from '../ids.ts';

export const JOB_STATUSES = ['queued', 'running', ...ENDED_STATUSES] as const;
export const JobStatus = z.enum(JOB_STATUSES);
export type JobStatus = z.infer<typeof JobStatus>;

/** Days for which a job's summary can be read after the job was requested. */
export const SUMMARY_RETENTION_DAYS = 7;

const links = z.object({ status: z.string(), job: z.string(), events: z.string(), cancel: z.string() });

/** The 202 answer of a run. */
export const RunAccepted = z.object({
  job_id: JobId,
  status: z.literal('queued'),
  version: z.int(),
  action: ActionName,
  created_at: Instant,
  /** Since when no executor has served the action. Absent while one does. */
  unserved_since: Instant.optional(),
  links,
});
export type RunAccepted = z.infer<typeof RunAccepted>;

/** Why a queued job has not begun. */
export const QueuePlace = z.object({
  waits_for: z.enum(['time', 'turn', 'limit', 'key', 'pause', 'executor']).meta({
    description:
      '`time`: until `attempt.next_at`; `turn`: other tenants go first; `limit`: the tenant has as many jobs running as it may; ' +
      '`key`: as many with the same concurrency key; `pause`: the tenant is paused; `executor`: it is handed out, and no slot is free.',
  }),
  jobs_before: z.int().min(0).nullable().meta({
    description:
      'How many jobs of its tenant and action go before it, 10,000 at most. Null for a job that waits for a time or an executor.',
  }),
});
export type QueuePlace = z.infer<typeof QueuePlace>;

/** What is known of a job, as every status call answers it. */
export const JobSummary = z.object({
  job_id: JobId,
  tenant_id: TenantId,
  action: ActionName,
  resource: z.record(z.string(), z.string()),
  status: JobStatus,
  /** Stream sequence of the job's newest event; it never goes backwards. */
  version: z.int(),
  cancel_requested: z.boolean(),
  progress: z.object({ percent: z.number(), message: z.string().nullable(), updated_at: Instant }).nullable(),
  /** `number` counts from 1 and is 0 before the first attempt; `next_at` is when a waiting job runs again. */
  attempt: z.object({
    number: z.int(),
    max: z.int().nullable(),
    next_at: Instant.nullable(),
    waits_for: z.string().optional().meta({
      description:
        '`callback`: the attempt waits for a call of the outside system that does its work, until `next_at`. Absent otherwise.',
    }),
  }),
  queue: QueuePlace.optional().meta({
    description:
      'Why a queued job waits, at this moment. Only where one job is asked for, and while a scheduler runs.',
  }),
  results: z.unknown().meta({
    description:
      'The result of the job. Null if the job has not succeeded, or its result must be downloaded.',
  }),
  results_link: ResultLink.nullable().meta({
    description:
      'How to download a result that is a file, or JSON too large to be here (above 256 KiB). Null if there is none.',
  }),
  errors: z.array(JobFault),
  metadata: Metadata,
  source: z.string(),
  requested_by: z.string(),
  retry_of: JobId.nullable(),
  schedule: z
    .object({ schedule_id: ScheduleId, at: Instant })
    .nullable()
    .meta({ description: 'The schedule whose tick asked for the job, and when that was due.' }),
  created_at: Instant,
  /** When the newest attempt began. */
  started_at: Instant.nullable(),
  finished_at: Instant.nullable(),
  updated_at: Instant,
  expires_at: Instant,
  links,
});
export type JobSummary = z.infer<typeof JobSummary>;
