import { z } from 'zod';
import { ActionName, ContractId, EventId, JobId, ScheduleId, TenantId } from '../ids.ts';
import { JobWebhook } from '../webhooks/job-webhook.ts';
import { JobFault } from './faults.ts';
import { PayloadRef } from './payload-ref.ts';

/*
 * The events of a job. Each is a CloudEvents 1.0 envelope in structured JSON, so any CloudEvents reader can replay the
 * log. A published schema is never edited, only added to; readers ignore what they do not know, and still write after
 * it. So a new type may say more about a job but never that it has ended: there will only ever be these four endings.
 */

/** An RFC 3339 instant in UTC with milliseconds, such as `2026-01-31T12:00:00.000Z`. */
export const Instant = z.iso.datetime();

const attempt = z.int().min(1);

/** How a job may have been asked for. */
export const JOB_SOURCES = ['api', 'ui', 'schedule', 'retry'] as const;

export const METADATA_MAX_ENTRIES = 20;

/** Up to 20 strings that a caller attaches to a job and gets back with its summary and its webhooks. */
export const Metadata = z
  .record(z.string().min(1).max(64), z.string().max(500))
  .refine((entries) => Object.keys(entries).length <= METADATA_MAX_ENTRIES, 'must have at most 20 entries')
  // JavaScript's JSON accepts half of a surrogate pair; Postgres does not.
  .refine(
    (entries) =>
      Object.entries(entries)
        .flat()
        .every((text) => text.isWellFormed()),
    'must be well-formed text',
  );

/** Of all jobs of a tenant's action with this value under this name, `limit` may run at a time. */
export const ConcurrencyKey = z.object({
  name: z.string().min(1).max(64),
  value: z.string().max(200),
  limit: z.int().min(1),
});
export type ConcurrencyKey = z.infer<typeof ConcurrencyKey>;

const JobRequested = z.object({
  tenant_id: TenantId,
  action: ActionName,
  action_version: z.string(),
  /** The contract that the input was checked against: only executors that announce or accept it run the job. */
  contract_id: ContractId.optional(),
  /** The path parameters of the action's resource, such as `{design_id: 'd-1'}`. */
  resource: z.record(z.string(), z.string()),
  /** Absent where there is an `input_ref`. */
  input: z.unknown().optional(),
  /** The input as JSON, where it is too large for an event. */
  input_ref: PayloadRef.optional(),
  metadata: Metadata,
  source: z.enum(JOB_SOURCES),
  /** The name of the API key that asked. */
  requested_by: z.string(),
  /** No attempt begins before this. */
  start_after: Instant.optional(),
  /** The job expires if no attempt has begun by then. */
  start_by: Instant.optional(),
  /** The job expires if it has not ended by then. */
  finish_by: Instant,
  retry_of: JobId.optional(),
  /** Whose tick requested it. */
  schedule: z.object({ schedule_id: ScheduleId, at: Instant }).optional(),
  webhook: JobWebhook.optional(),
  /** 1 to 9. Where jobs of the tenant wait for their turn, higher ones go first. Default 5. */
  priority: z.int().min(1).max(9).optional(),
  concurrency: z.array(ConcurrencyKey).max(3).optional(),
});

/** The same attempt may start more than once: one that was handed over has not failed. */
const JobStarted = z.object({
  attempt,
  executor_id: z.string(),
  /** It runs alone in its own process, since an executor died while it ran an earlier attempt of the job. */
  isolated: z.literal(true).optional(),
});

const JobProgressed = z.object({
  attempt,
  percent: z.number().min(0).max(100),
  message: z.string().max(500).optional(),
});

const JobRetrying = z.object({ attempt, error: JobFault, retry_at: Instant });

/** The job is to be run now. */
const JobDue = z.object({
  /**
   * `turn`: a job that was held has its turn; `start_after`, `retry` and `deferred`: that wait is over, and it has its turn;
   * `update`: the job is from before contracts had ids.
   */
  reason: z.string().min(1).max(64),
  contract_id: ContractId.optional(),
  /** The executor that stopped during an attempt and gave the job back; that attempt starts anew. */
  handed_over_by: z.string().optional(),
});

/** The attempt waits for something outside and holds no slot meanwhile. It is resumed, not begun anew. */
const JobDeferred = z.object({
  attempt,
  until: Instant,
  /** Where to find what it waits for, such as a URL. */
  operation: z.string().max(2_000),
  /** When the operation began. A job has at most one operation; each later deferral names it again. */
  began_at: Instant.optional(),
  /** `callback`: a call of the outside system, which is to come by `until`. Absent: the operation is asked then. */
  waits_for: z.string().max(64).optional(),
});

/** All of a job that only waits, so that its earlier events may leave the log; or of one whose events have left it. */
const JobCarried = z.object({
  requested_at: Instant,
  request: JobRequested,
  /** How many attempts are used up. */
  attempt: z.int().min(0),
  /** When the newest attempt began. */
  started_at: Instant.optional(),
  next_at: Instant,
  errors: z.array(JobFault),
  /** As in JobDeferred, for a job that has deferred. */
  operation: z.string().max(2_000).optional(),
  began_at: Instant.optional(),
  /** The next attempt has begun, and waits until `next_at` for something outside, as after its JobDeferred. */
  deferred: z.object({ executor_id: z.string(), waits_for: z.string().max(64).optional() }).optional(),
  /** What the newest attempt has told. */
  progress: z
    .object({
      percent: z.number().min(0).max(100),
      message: z.string().max(500).nullable(),
      updated_at: Instant,
    })
    .optional(),
  /** As in JobStarted: an attempt of the job was isolated, and so are its later ones. */
  isolated: z.literal(true).optional(),
});

const JobCancelRequested = z.object({ by: z.string(), reason: z.string().max(500).optional() });

const JobSucceeded = z.object({
  attempt,
  /** Absent where there is a `result_ref`. */
  result: z.unknown().optional(),
  /** The result as a file, or as JSON that is too large for an event. */
  result_ref: PayloadRef.optional(),
  duration_ms: z.number().min(0),
});

const JobFailed = z.object({
  attempt: z.int().min(0),
  error: JobFault,
  duration_ms: z.number().min(0),
});

const JobCanceled = z.object({ by: z.string() });

const JobExpired = z.object({ deadline: z.enum(['start_by', 'finish_by']) });

const envelope = {
  specversion: z.literal('1.0'),
  id: EventId,
  source: z.string(),
  subject: JobId,
  time: Instant,
  datacontenttype: z.literal('application/json'),
  /** The W3C trace context of the request that created the job. */
  traceparent: z.string().optional(),
};

export const JobEvent = z.discriminatedUnion('type', [
  z.object({ ...envelope, type: z.literal('JobRequested'), data: JobRequested }),
  z.object({ ...envelope, type: z.literal('JobStarted'), data: JobStarted }),
  z.object({ ...envelope, type: z.literal('JobProgressed'), data: JobProgressed }),
  z.object({ ...envelope, type: z.literal('JobRetrying'), data: JobRetrying }),
  z.object({ ...envelope, type: z.literal('JobDeferred'), data: JobDeferred }),
  z.object({ ...envelope, type: z.literal('JobDue'), data: JobDue }),
  z.object({ ...envelope, type: z.literal('JobCarried'), data: JobCarried }),
  z.object({ ...envelope, type: z.literal('JobCancelRequested'), data: JobCancelRequested }),
  z.object({ ...envelope, type: z.literal('JobSucceeded'), data: JobSucceeded }),
  z.object({ ...envelope, type: z.literal('JobFailed'), data: JobFailed }),
  z.object({ ...envelope, type: z.literal('JobCanceled'), data: JobCanceled }),
  z.object({ ...envelope, type: z.literal('JobExpired'), data: JobExpired }),
]);
export type JobEvent = z.infer<typeof JobEvent>;
export type JobEventType = JobEvent['type'];
export const JOB_EVENT_TYPES: readonly JobEventType[] = JobEvent.options.map(({ shape }) => shape.type.value);
export type JobEventOf<T extends JobEventType> = Extract<JobEvent, { type: T }>;

/** What happened, before it has an envelope: the output of a decision. */
export type JobFact = { [T in JobEventType]: { type: T; data: JobEventOf<T>['data'] } }[JobEventType];

/** An event as the log holds it: `version` is its stream sequence, which orders a job's events. */
export interface RecordedEvent {
  readonly ref: { readonly tenantId: string; readonly action: string; readonly jobId: string };
  readonly version: number;
  readonly event: JobEvent;
}

/**
 * An event in the log that this program cannot read. Its subject still gives the type; undefined for a type that a
 * later program introduced.
 */
export interface UnreadEvent {
  readonly version: number;
  readonly type: JobEventType | undefined;
}

/** A job's events in the log: those that can be read, and `unread` if there are others. */
export type JobHistory = RecordedEvent[] & { readonly unread?: readonly UnreadEvent[] };

/** Puts a fact into its envelope. `id` is a UUIDv7 that the writer keeps while it retries one append. */
export function toJobEvent(
  fact: JobFact,
  envelopeOf: {
    id: string;
    jobId: string;
    source: `/errand/${string}`;
    timeMs: number;
    traceparent?: string | undefined;
  },
): JobEvent {
  return {
    specversion: '1.0',
    id: envelopeOf.id,
    source: envelopeOf.source,
    subject: envelopeOf.jobId,
    time: new Date(envelopeOf.timeMs).toISOString(),
    datacontenttype: 'application/json',
    ...(envelopeOf.traceparent === undefined ? {} : { traceparent: envelopeOf.traceparent }),
    ...fact,
  };
}
