import { defineRoute } from '../../http/define-route.ts';
import { answer } from '../../http/respond.ts';
import { json } from '../../openapi/operation.ts';
import * as parameters from '../../openapi/parameters.ts';
import type { WebhooksGroup } from '../webhooks-group.ts';
import { EndpointWithHealth } from './endpoint-answers.ts';
import { readEndpoint } from './endpoint-store.ts';
import { endpointView } from './secrets/endpoint-secrets.ts';

const MAX_PENDING_COUNTED = 10_000;

/** One endpoint without its secrets, and how it is doing, null if Postgres does not say. */
export const getWebhook = defineRoute({
  method: 'get',
  path: '/v2/tenants/{tenant_id}/webhooks/{endpoint_id}',
  key: 'tenant',
  query: 'none',
  id: 'getWebhook',
  tag: 'Webhooks',
  summary: 'An endpoint',
  description: 'Without its secrets; `health` is null while Postgres cannot be asked.',
  parameters: [parameters.tenantId, parameters.endpointId],
  answers: { 200: json('The endpoint.', EndpointWithHealth) },
  problems: ['unknown_endpoint'],
  handle:
    ({ webhooks }: WebhooksGroup) =>
    async (c, { tenantId }) => {
      const endpoint = await readEndpoint(webhooks.endpoints, tenantId, c.req.param('endpoint_id') ?? '');
      const health = await webhooks.health.of([endpoint], MAX_PENDING_COUNTED);
      const view = endpointView(webhooks.box, endpoint, webhooks.now());
      return answer(c, { status: 200, body: { ...view, health: health?.get(endpoint.endpoint_id) ?? null } });
    },
});
