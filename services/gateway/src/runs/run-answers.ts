import type { IdempotencyRecord, JobSummary } from '@errand/contracts';
import { Refusal } from '../http/problem.ts';
import { type FindJobDeps, findJob } from '../jobs/find-job.ts';

/** Where a job is asked about. `actionPath` is its action's path, undefined if the contract has no place for it. */
export function jobLinks(
  job: { tenantId: string; jobId: string },
  actionPath: string | undefined,
): JobSummary['links'] {
  const path = `/v2/tenants/${job.tenantId}/jobs/${job.jobId}`;
  return {
    status: actionPath === undefined ? path : `${actionPath}/status?job_id=${job.jobId}`,
    job: path,
    events: `${path}/events`,
    cancel: `${path}/cancel`,
  };
}

/** What the answer to a run says of its job, the same each time. */
export interface AcceptedJob {
  readonly jobId: string;
  /** Version of the job's JobRequested. */
  readonly version: number;
  readonly createdAt: string;
}

/** One that was found again, with what the answer's links are made of. */
export interface FoundJob extends AcceptedJob {
  readonly action: string;
  readonly resource: Record<string, string>;
}

/**
 * A job that was accepted under a recorded key, or undefined if it has not been requested: then neither the log nor the
 * table knows it, however old the record is.
 * @throws LogUnavailable
 */
export async function findAccepted(
  deps: FindJobDeps,
  job: { tenantId: string; action: string | undefined; jobId: string },
  record: Pick<IdempotencyRecord, 'created_at'>,
): Promise<FoundJob | undefined> {
  const { jobId } = job;
  try {
    // A job that is not found is requested again.
    const { action, request } = await findJob(deps, { ...job, minVersion: 0, rowMayBeLost: true });
    const createdAt = request.value?.requestedAt ?? record.created_at;
    const resource = request.value?.data.resource ?? {};
    return { jobId, version: request.version, createdAt, action, resource };
  } catch (error) {
    if (error instanceof Refusal && error.code === 'unknown_job') return undefined;
    throw error;
  }
}
