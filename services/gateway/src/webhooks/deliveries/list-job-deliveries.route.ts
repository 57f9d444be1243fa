import type { TenantHandler } from '../../http/authenticate.ts';
import { answer } from '../../http/respond.ts';
import { type FindJobDeps, findJob } from '../../jobs/find-job.ts';
import { readJobQuery } from '../../jobs/job-query.ts';
import type { DeliveryLog } from './delivery-rows.ts';
import { deliveryView } from './delivery-view.ts';

/** GET …/jobs/{job_id}/deliveries: what was told of a job, to whom. It is kept for longer than the job's summary. */
export function listJobDeliveries(deps: FindJobDeps & { deliveries: DeliveryLog }): TenantHandler {
  return async (c, { tenantId }) => {
    const jobId = readJobId(c.req.param('job_id'));
    c.env.jobId = jobId;
    const rows = await deps.deliveries.ofJob(tenantId, jobId);
    if (rows.length === 0) {
      readJobQuery({ jobId }, deps.now());
      await findJob(deps, { tenantId, jobId, action: undefined, minVersion: 0 });
    }
    return answer(c, { status: 200, body: { deliveries: rows.map(deliveryView) } });
  };
}

/** An id of any age. @throws Refusal invalid_input */
function readJobId(sent: string | undefined): string {
  return readJobQuery({ jobId: sent }, Number.NEGATIVE_INFINITY).jobId;
}
