/** The events that end a job, each with the status that the job has from then on. */
export const JOB_ENDINGS = {
  JobSucceeded: 'succeeded',
  JobFailed: 'failed',
  JobCanceled: 'canceled',
  JobExpired: 'expired',
} as const;
type JobEndingType = keyof typeof JOB_ENDINGS;
export type EndedStatus = (typeof JOB_ENDINGS)[JobEndingType];

export const ENDING_TYPES = Object.keys(JOB_ENDINGS) as JobEndingType[];

/** In the order above. */
export const ENDED_STATUSES = Object.values(JOB_ENDINGS) as ['succeeded', 'failed', 'canceled', 'expired'];

/** Whether an event of this type ends its job. */
export function isEndingType(type: string | undefined): type is JobEndingType {
  return type !== undefined && Object.hasOwn(JOB_ENDINGS, type);
}
