import { defineRoute } from '../../http/define-route.ts';
import { answerEmpty } from '../../http/respond.ts';
import * as parameters from '../../openapi/parameters.ts';
import type { WebhooksGroup } from '../webhooks-group.ts';
import { endpointKey, readEndpoint } from './endpoint-store.ts';

/** The endpoint and its secrets are gone. */
export const deleteWebhook = defineRoute({
  method: 'delete',
  path: '/v2/tenants/{tenant_id}/webhooks/{endpoint_id}',
  key: 'tenant',
  query: 'none',
  id: 'deleteWebhook',
  tag: 'Webhooks',
  summary: 'Remove an endpoint',
  description: 'With its secrets. Its deliveries can still be read.',
  parameters: [parameters.tenantId, parameters.endpointId],
  answers: { 204: { description: 'It is gone.' } },
  problems: ['unknown_endpoint'],
  handle:
    ({ webhooks: { endpoints } }: WebhooksGroup) =>
    async (c, { tenantId }) => {
      const { endpoint_id } = await readEndpoint(endpoints, tenantId, c.req.param('endpoint_id') ?? '');
      await endpoints.delete(endpointKey(tenantId, endpoint_id));
      return answerEmpty(c, 204);
    },
});
