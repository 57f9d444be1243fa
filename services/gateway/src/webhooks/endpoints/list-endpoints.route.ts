import type { TenantHandler } from '../../http/authenticate.ts';
import { answer } from '../../http/respond.ts';
import type { EndpointHealthStore } from './endpoint-health.ts';
import { endpointView } from './endpoint-secrets.ts';
import { type EndpointDeps, endpointsOf } from './endpoint-store.ts';

/** Less than for one endpoint: a tenant may have many of them. */
const MAX_PENDING_COUNTED = 1_000;

/** GET …/webhooks: the tenant's endpoints, oldest first, as each is answered alone. */
export function listWebhooks(deps: EndpointDeps & { health: EndpointHealthStore }): TenantHandler {
  return async (c, { tenantId }) => {
    const endpoints = endpointsOf(deps.endpoints, tenantId);
    const health = await deps.health.of(endpoints, MAX_PENDING_COUNTED);
    const nowMs = deps.now();
    const webhooks = endpoints.map((each) => ({
      ...endpointView(deps.box, each, nowMs),
      health: health?.get(each.endpoint_id) ?? null,
    }));
    return answer(c, { status: 200, body: { webhooks } });
  };
}
