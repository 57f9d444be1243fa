import { findPlace } from '../actions/find-action.ts';
import type { TenantHandler } from '../http/authenticate.ts';
import { refuseUnknownParameters } from '../http/read-query.ts';
import { readJobQuery } from './job-query.ts';
import { type LookUpDeps, lookUpJob } from './look-up-job.ts';

/** GET …/{action}/status?job_id=…[&wait=n]: the summary of a job of this very action and resource. */
export function getStatus(deps: LookUpDeps): TenantHandler {
  return async (c, { tenantId }) => {
    refuseUnknownParameters(c, ['job_id', 'min_version', 'wait']);
    const place = await findPlace(c, deps.catalogue);
    const { job_id: jobId, min_version: minVersion, wait } = c.req.query();
    const query = readJobQuery({ jobId, minVersion, wait }, deps.now());
    return lookUpJob(c, deps, { tenantId, query, place });
  };
}
