import type { ActionCatalogue } from '../action-catalogue.ts';
import { type FindJobDeps, findJob } from '../find-job.ts';
import { answerJob } from '../job-answer.ts';
import { readJobQuery } from '../job-query.ts';
import type { TenantHandler } from '../middleware/authenticate.ts';

/** GET …/jobs/{job_id}: the summary of a job of any action. */
export function getJob(deps: FindJobDeps & { catalogue: ActionCatalogue }): TenantHandler {
  return async (c, { tenantId }) => {
    const sent = { jobId: c.req.param('job_id'), minVersion: c.req.query('min_version') };
    const { jobId, minVersion } = readJobQuery(sent, deps.now());
    c.env.jobId = jobId;
    return answerJob(c, await findJob(deps, { tenantId, jobId, minVersion, action: undefined }), deps);
  };
}
