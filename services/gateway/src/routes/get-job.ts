import { readJobQuery } from '../job-query.ts';
import { type LookUpDeps, lookUpJob } from '../look-up-job.ts';
import type { TenantHandler } from '../middleware/authenticate.ts';

/** GET …/jobs/{job_id}[?wait=n]: the summary of a job of any action. */
export function getJob(deps: LookUpDeps): TenantHandler {
  return (c, { tenantId }) => {
    const { min_version: minVersion, wait } = c.req.query();
    const query = readJobQuery({ jobId: c.req.param('job_id'), minVersion, wait }, deps.now());
    return lookUpJob(c, deps, { tenantId, query, action: undefined, resource: {} });
  };
}
