import type { WebhookEndpoint } from '@errand/contracts';
import type { TenantHandler } from '../../http/authenticate.ts';
import { answer } from '../../http/respond.ts';
import { endpointView } from './endpoint-secrets.ts';
import { changeEndpoint, type EndpointDeps, readEndpoint } from './endpoint-store.ts';

/** POST …/webhooks/{endpoint_id}/pause: nothing is sent to the endpoint until it is resumed. */
export function pauseWebhook(deps: EndpointDeps): TenantHandler {
  return change(deps, (stored) => (stored.enabled ? { ...stored, enabled: false } : stored));
}

/**
 * POST …/webhooks/{endpoint_id}/resume: the endpoint is sent to, whether it was paused or disabled. What was disabled is
 * a version of the record, so another one is made in any case.
 */
export function resumeWebhook(deps: EndpointDeps): TenantHandler {
  return change(deps, (stored) => ({ ...stored, enabled: true }));
}

function change(deps: EndpointDeps, make: (stored: WebhookEndpoint) => WebhookEndpoint): TenantHandler {
  return async (c, { tenantId }) => {
    const known = await readEndpoint(deps.endpoints, tenantId, c.req.param('endpoint_id') ?? '');
    const nowMs = deps.now();
    const endpoint = await changeEndpoint(deps.endpoints, known, { make, nowMs });
    return answer(c, { status: 200, body: endpointView(deps.box, endpoint, nowMs) });
  };
}
