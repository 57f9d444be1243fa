import { z } from 'zod';
import { defineRoute } from '../../http/define-route.ts';
import { answer } from '../../http/respond.ts';
import { json } from '../../openapi/operation.ts';
import * as parameters from '../../openapi/parameters.ts';
import type { WebhooksGroup } from '../webhooks-group.ts';
import { EndpointWithHealth } from './endpoint-answers.ts';
import { endpointsOf } from './endpoint-store.ts';
import { endpointView } from './secrets/endpoint-secrets.ts';

/** Less than for one endpoint: a tenant may have many of them. */
const MAX_PENDING_COUNTED = 1_000;

/** The tenant's endpoints, oldest first, as each is answered alone. */
export const listWebhooks = defineRoute({
  method: 'get',
  path: '/v2/tenants/{tenant_id}/webhooks',
  key: 'tenant',
  query: 'none',
  reads: 'limited',
  id: 'listWebhooks',
  tag: 'Webhooks',
  summary: 'Endpoints',
  description: 'Oldest first, and how each is doing.',
  parameters: [parameters.tenantId],
  answers: { 200: json('All of them.', z.object({ webhooks: z.array(EndpointWithHealth) })) },
  problems: ['too_many_reads'],
  handle:
    ({ webhooks }: WebhooksGroup) =>
    async (c, { tenantId }) => {
      const endpoints = endpointsOf(webhooks.endpoints, tenantId);
      const health = await webhooks.health.of(endpoints, MAX_PENDING_COUNTED);
      const nowMs = webhooks.now();
      const views = endpoints.map((each) => ({
        ...endpointView(webhooks.box, each, nowMs),
        health: health?.get(each.endpoint_id) ?? null,
      }));
      return answer(c, { status: 200, body: { webhooks: views } });
    },
});
