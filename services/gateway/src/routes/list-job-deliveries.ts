import { answer } from '../answer.ts';
import { type FindJobDeps, findJob } from '../find-job.ts';
import { readJobQuery } from '../job-query.ts';
import type { TenantHandler } from '../middleware/authenticate.ts';
import type { DeliveryLog } from '../webhooks/delivery-log.ts';
import { deliveryView } from '../webhooks/delivery-view.ts';

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
