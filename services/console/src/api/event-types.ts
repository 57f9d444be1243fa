import type { JobEventType } from '@errand/contracts';

/** Every type of event, since a stream is listened to by type. The compiler keeps it whole. */
const ALL: Record<JobEventType, true> = {
  JobRequested: true,
  JobStarted: true,
  JobProgressed: true,
  JobRetrying: true,
  JobDeferred: true,
  JobDue: true,
  JobCarried: true,
  JobCancelRequested: true,
  JobSucceeded: true,
  JobFailed: true,
  JobCanceled: true,
  JobExpired: true,
};
export const EVENT_TYPES = Object.keys(ALL) as readonly JobEventType[];

const ENDINGS: readonly string[] = [
  'JobSucceeded',
  'JobFailed',
  'JobCanceled',
  'JobExpired',
] satisfies JobEventType[];

export function isEnding(type: string): boolean {
  return ENDINGS.includes(type);
}
