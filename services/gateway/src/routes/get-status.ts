import type { ActionCatalogue } from '../action-catalogue.ts';
import { findAction } from '../find-action.ts';
import { type FindJobDeps, findJob } from '../find-job.ts';
import { answerJob } from '../job-answer.ts';
import { readJobQuery } from '../job-query.ts';
import type { TenantHandler } from '../middleware/authenticate.ts';
import { Refusal } from '../problem.ts';

/** GET …/{action}/status?job_id=…: the summary of a job of this very action and resource. */
export function getStatus(deps: FindJobDeps & { catalogue: ActionCatalogue }): TenantHandler {
  return async (c, { tenantId }) => {
    const { entry, resource } = await findAction(c, deps.catalogue);
    const sent = { jobId: c.req.query('job_id'), minVersion: c.req.query('min_version') };
    const { jobId, minVersion } = readJobQuery(sent, deps.now());
    c.env.jobId = jobId;
    const state = await findJob(deps, { tenantId, jobId, minVersion, action: entry.contract.name });
    const requested = state.request.value?.data.resource ?? {};
    const same = Object.entries(resource).every(([name, value]) => requested[name] === value);
    if (!same) throw new Refusal('unknown_job');
    return answerJob(c, state, deps);
  };
}
