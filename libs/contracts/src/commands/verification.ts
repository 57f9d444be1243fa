import { z } from 'zod';
import { Instant } from '../events/events.ts';
import { EventId, TenantId } from '../ids.ts';

/*
 * What the projection service finds when it compares everything with the log. Each finding was checked twice, so work
 * that is merely under way is not reported.
 */

/** What can be wrong, and how it is reported. */
export const FINDING_KINDS = {
  row_missing: 'jobs in the log but not in the read model',
  row_differs: 'rows that differ from the log',
  row_without_events: 'rows of jobs that are not in the log',
  request_missing: 'jobs without a JobRequested, or with two',
  second_ending: 'jobs that ended twice',
  event_after_ending: 'jobs with events after their ending',
  chain_broken: 'events that do not follow the event their writer had seen',
  event_missing: 'audit log events that are missing from JOBS too early',
  audit_short: 'parts of JOBS missing from the audit log; their jobs were not compared',
  delivery_missing: 'endings for which an endpoint has no delivery but should',
  delivery_stuck: 'endpoints whose next delivery is overdue and not attempted',
  config_differs: 'tenants, keys, endpoints or actions that are not as their last change was recorded',
  job_stuck: 'unfinished jobs that nothing will continue',
} as const;
export type FindingKind = keyof typeof FINDING_KINDS;

const Finding = z.object({
  kind: z.enum(Object.keys(FINDING_KINDS) as [FindingKind, ...FindingKind[]]),
  count: z.int().min(1),
  /** How many differing rows have each group of fields. */
  groups: z.record(z.string(), z.int()).optional(),
  /** At most 20. */
  samples: z.array(z.object({ id: z.string(), detail: z.string() })),
});
export type VerifyFinding = z.infer<typeof Finding>;

const Checked = z.object({
  jobs: z.int(),
  events: z.int(),
  rows: z.int(),
  /** Events of JOBS whose predecessor was checked. */
  links: z.int(),
  /** Pairs of an ending and an endpoint. */
  deliveries: z.int(),
});

export const VerifyReport = z.object({
  tenant_id: TenantId.nullable(),
  since: Instant,
  /** Rows and deliveries have passed this version of the log; later events were not looked at. */
  as_of_version: z.int(),
  started_at: Instant,
  duration_ms: z.int(),
  checked: Checked,
  /** How often the log was read: more than once if the open jobs do not fit in memory. */
  passes: z.int(),
  /** Messages that are not events. They are parked as dead letters. */
  unreadable: z.int(),
  /** Suspects that were too many to check a second time; they are not counted as findings. */
  unconfirmed: z.int(),
  findings: z.array(Finding),
});
export type VerifyReport = z.infer<typeof VerifyReport>;

/** One after the other: the order of events in JOBS, jobs of the audit log, rows without a job, and what looked wrong. */
export const VERIFY_STEPS = ['chain', 'jobs', 'rows', 'second_look'] as const;

/** A comparison of everything with the log: how it stands, and what it found. */
export const Verification = z.object({
  verification_id: EventId,
  state: z.enum(['running', 'done', 'failed', 'canceled']),
  /** Of this tenant only; null: of all. */
  tenant_id: TenantId.nullable(),
  /** Jobs requested earlier are left out; null: those of the last 7 days count. */
  since: Instant.nullable(),
  started_at: Instant,
  ended_at: Instant.nullable(),
  /** What it does now; null before the first and after the last. */
  step: z.enum(VERIFY_STEPS).nullable(),
  /** Of this step, as far as that is known. */
  percent: z.number().nullable(),
  /** So far. */
  checked: Checked,
  /** Why it failed. */
  error: z.string().nullable(),
  /** Once it is done. */
  report: VerifyReport.nullable(),
});
export type Verification = z.infer<typeof Verification>;

/** `since`: jobs requested earlier are left out. */
export const VerifyRequest = Verification.pick({ since: true, tenant_id: true });
export type VerifyRequest = z.infer<typeof VerifyRequest>;
