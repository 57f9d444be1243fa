import { type IdempotencyRecord, uuidV7TimeMs } from '@errand/contracts';
import { type FindJobDeps, findJob } from './find-job.ts';
import { Refusal } from './problem.ts';

/** What the answer to a run says of its job, again and again the same. */
export interface AcceptedJob {
  readonly jobId: string;
  /** Version of the job's JobRequested; 0 where the job is older than all that is known of it. */
  readonly version: number;
  readonly createdAt: string;
}

/**
 * A job that was accepted under a recorded key, or undefined if it has not been requested. Where the log would have
 * forgotten the job by now, the record is believed.
 * @throws LogUnavailable
 */
export async function findAccepted(
  deps: FindJobDeps,
  job: { tenantId: string; action: string; jobId: string },
  record: IdempotencyRecord,
): Promise<AcceptedJob | undefined> {
  const { jobId } = job;
  try {
    const { request } = await findJob(deps, { ...job, minVersion: 0 });
    const createdAt = request.value?.requestedAt ?? record.created_at;
    return { jobId, version: request.version, createdAt };
  } catch (error) {
    if (uuidV7TimeMs(jobId) + deps.logKeepsMs <= deps.now()) {
      return { jobId, version: 0, createdAt: record.created_at };
    }
    if (error instanceof Refusal && error.code === 'unknown_job') return undefined;
    throw error;
  }
}
