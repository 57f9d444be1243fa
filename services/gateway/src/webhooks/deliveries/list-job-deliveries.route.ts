import { z } from 'zod';
import { defineRoute } from '../../http/define-route.ts';
import { answer } from '../../http/respond.ts';
import { findJob } from '../../jobs/find-job.ts';
import { readJobQuery } from '../../jobs/job-query.ts';
import type { JobsGroup } from '../../jobs/jobs-group.ts';
import { json } from '../../openapi/operation.ts';
import * as parameters from '../../openapi/parameters.ts';
import type { WebhooksGroup } from '../webhooks-group.ts';
import { DeliveryView, deliveryView } from './delivery-view.ts';

/** What was told of a job, to whom. It is kept for longer than the job's summary. */
export const listJobDeliveries = defineRoute({
  method: 'get',
  path: '/v2/tenants/{tenant_id}/jobs/{job_id}/deliveries',
  key: 'tenant',
  query: 'none',
  reads: 'limited',
  id: 'listJobDeliveries',
  tag: 'Deliveries',
  summary: 'What was told of a job',
  description: 'And to whom. It is kept for longer than the summary of the job.',
  parameters: [parameters.tenantId, parameters.jobId],
  answers: { 200: json('All of them.', z.object({ deliveries: z.array(DeliveryView) })) },
  problems: [
    'unknown_job',
    'job_expired',
    'invalid_input',
    'database_unavailable',
    'too_many_reads',
    'history_out_of_reach',
  ],
  handle:
    ({ jobs, webhooks }: JobsGroup & WebhooksGroup) =>
    async (c, { tenantId }) => {
      const jobId = readJobId(c.req.param('job_id'));
      c.env.jobId = jobId;
      const rows = await webhooks.deliveries.ofJob(tenantId, jobId);
      if (rows.length === 0) {
        readJobQuery({ jobId }, jobs.now());
        await findJob(jobs, { tenantId, jobId, action: undefined, minVersion: 0 });
      }
      return answer(c, { status: 200, body: { deliveries: rows.map(deliveryView) } });
    },
});

/** An id of any age. @throws Refusal invalid_input */
function readJobId(sent: string | undefined): string {
  return readJobQuery({ jobId: sent }, Number.NEGATIVE_INFINITY).jobId;
}
