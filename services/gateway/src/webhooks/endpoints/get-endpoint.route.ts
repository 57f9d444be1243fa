import type { TenantHandler } from '../../http/authenticate.ts';
import { answer } from '../../http/respond.ts';
import type { EndpointHealthStore } from './endpoint-health.ts';
import { endpointView } from './endpoint-secrets.ts';
import { type EndpointDeps, readEndpoint } from './endpoint-store.ts';

const MAX_PENDING_COUNTED = 10_000;

/** GET …/webhooks/{endpoint_id}: one endpoint without its secrets, and how it is doing, null if Postgres does not say. */
export function getWebhook(deps: EndpointDeps & { health: EndpointHealthStore }): TenantHandler {
  return async (c, { tenantId }) => {
    const endpoint = await readEndpoint(deps.endpoints, tenantId, c.req.param('endpoint_id') ?? '');
    const health = await deps.health.of([endpoint], MAX_PENDING_COUNTED);
    const view = endpointView(deps.box, endpoint, deps.now());
    return answer(c, { status: 200, body: { ...view, health: health?.get(endpoint.endpoint_id) ?? null } });
  };
}
