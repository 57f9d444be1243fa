import type { JobSummary } from '@errand/contracts';

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
