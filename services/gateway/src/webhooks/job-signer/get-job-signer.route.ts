import { defineRoute } from '../../http/define-route.ts';
import { answer } from '../../http/respond.ts';
import { json } from '../../openapi/operation.ts';
import * as parameters from '../../openapi/parameters.ts';
import type { WebhooksGroup } from '../webhooks-group.ts';
import { JobSignerView, jobSignerView, readJobSigner } from './job-signer.ts';

/** What the webhooks of the tenant's runs are signed with, by fingerprint. */
export const getJobSigner = defineRoute({
  method: 'get',
  path: '/v2/tenants/{tenant_id}/webhooks/job',
  key: 'tenant',
  query: 'none',
  id: 'getJobSigner',
  tag: 'Webhooks',
  summary: "What signs runs' own webhooks",
  description: 'By fingerprint. There is none before the first such run or rotation.',
  parameters: [parameters.tenantId],
  answers: { 200: json('The signer.', JobSignerView) },
  problems: ['unknown_endpoint'],
  handle:
    ({ webhooks: { endpoints, box, now } }: WebhooksGroup) =>
    async (c, { tenantId }) => {
      const signer = await readJobSigner(endpoints, tenantId);
      return answer(c, { status: 200, body: jobSignerView(box, signer, now()) });
    },
});
