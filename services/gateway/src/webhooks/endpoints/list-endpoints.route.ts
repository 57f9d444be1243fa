import { z } from 'zod';
import { defineRoute } from '../../http/define-route.ts';
import { answer } from '../../http/respond.ts';
import { json } from '../../openapi/operation.ts';
import * as parameters from '../../openapi/parameters.ts';
import { EndpointWithHealth } from './endpoint-answers.ts';
import type { EndpointHealthStore } from './endpoint-health.ts';
import { type EndpointDeps, endpointsOf } from './endpoint-store.ts';
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
    (deps: EndpointDeps & { health: EndpointHealthStore }) =>
    async (c, { tenantId }) => {
      const endpoints = endpointsOf(deps.endpoints, tenantId);
      const health = await deps.health.of(endpoints, MAX_PENDING_COUNTED);
      const nowMs = deps.now();
      const webhooks = endpoints.map((each) => ({
        ...endpointView(deps.box, each, nowMs),
        health: health?.get(each.endpoint_id) ?? null,
      }));
      return answer(c, { status: 200, body: { webhooks } });
    },
});
