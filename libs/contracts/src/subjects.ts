import type { JobEventType } from './events.ts';
import { ActionName, JobId, type JobRef, TenantId } from './ids.ts';

/*
 * The only place where a subject is built or taken apart:
 *
 *   jobs.<tenant_id>.<action>.<job_id>.requested.<lane>
 *   jobs.<tenant_id>.<action>.<job_id>.due.<lane>
 *   jobs.<tenant_id>.<action>.<job_id>.<event>
 */

export const LANES = ['fast', 'bulk'] as const;
export type Lane = (typeof LANES)[number];

const TOKEN_OF: Record<JobEventType, string> = {
  JobRequested: 'requested',
  JobStarted: 'started',
  JobProgressed: 'progressed',
  JobRetrying: 'retrying',
  JobDue: 'due',
  JobCancelRequested: 'cancel_requested',
  JobSucceeded: 'succeeded',
  JobFailed: 'failed',
  JobCanceled: 'canceled',
  JobExpired: 'expired',
};

/** Every job event there is. */
export const ALL_JOB_EVENTS = 'jobs.>';

/** The four events that end a job, of every tenant and action. */
export const ALL_ENDINGS = (['JobSucceeded', 'JobFailed', 'JobCanceled', 'JobExpired'] as const).map(
  (type) => `jobs.*.*.*.${TOKEN_OF[type]}`,
);

/** What an action's executors read: requests and waits that are over, in every lane. */
export function workOf(action: string): string[] {
  return [`jobs.*.${action}.*.${TOKEN_OF.JobRequested}.*`, `jobs.*.${action}.*.${TOKEN_OF.JobDue}.*`];
}

/** The subject of one event. Requests and dues carry the lane in which they are served, `fast` unless told. */
export function eventSubject(ref: JobRef, type: JobEventType, lane: Lane = 'fast'): string {
  const subject = `${prefixOf(ref)}.${TOKEN_OF[type]}`;
  return type === 'JobRequested' || type === 'JobDue' ? `${subject}.${lane}` : subject;
}

/**
 * All events of one job. This literal string is also the guard of every append of that job; a replicated server
 * serialises appends in flight by the literal text of their guard, so no writer may use another one.
 */
export function jobSubjects(ref: JobRef): string {
  return `${prefixOf(ref)}.>`;
}

/** All events of a job whose action is not known. For reading only: it is not a guard. */
export function jobSubjectsOfAnyAction(tenantId: string, jobId: string): string {
  return `jobs.${TenantId.parse(tenantId)}.*.${JobId.parse(jobId)}.>`;
}

/** The job that a subject belongs to, or undefined for a subject that no writer of ours builds. */
export function refOfSubject(subject: string): JobRef | undefined {
  const [root, tenantId, action, jobId] = subject.split('.');
  if (root !== 'jobs') return undefined;
  const ref = {
    tenantId: TenantId.safeParse(tenantId),
    action: ActionName.safeParse(action),
    jobId: JobId.safeParse(jobId),
  };
  if (!ref.tenantId.success || !ref.action.success || !ref.jobId.success) return undefined;
  return { tenantId: ref.tenantId.data, action: ref.action.data, jobId: ref.jobId.data };
}

function prefixOf(ref: JobRef): string {
  // A dot or a star in a token would widen the subject and the guard: refuse rather than escape.
  return `jobs.${TenantId.parse(ref.tenantId)}.${ActionName.parse(ref.action)}.${JobId.parse(ref.jobId)}`;
}
