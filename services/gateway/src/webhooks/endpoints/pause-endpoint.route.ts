import type { WebhookEndpoint } from '@errand/contracts';
import type { TenantHandler } from '../../http/authenticate.ts';
import { defineRoute } from '../../http/define-route.ts';
import { answer } from '../../http/respond.ts';
import { json } from '../../openapi/operation.ts';
import * as parameters from '../../openapi/parameters.ts';
import type { WebhooksGroup } from '../webhooks-group.ts';
import { changeEndpoint, type EndpointDeps, readEndpoint } from './endpoint-store.ts';
import { EndpointView, endpointView } from './secrets/endpoint-secrets.ts';

/** Nothing is sent to the endpoint until it is resumed. */
export const pauseWebhook = defineRoute({
  method: 'post',
  path: '/v2/tenants/{tenant_id}/webhooks/{endpoint_id}/pause',
  key: 'tenant',
  scope: 'webhooks:write',
  query: 'none',
  changes: 'limited',
  id: 'pauseWebhook',
  tag: 'Webhooks',
  summary: 'Pause an endpoint',
  description: 'Nothing is sent until it is resumed.',
  parameters: [parameters.tenantId, parameters.endpointId],
  answers: { 200: json('The endpoint.', EndpointView) },
  problems: ['unknown_endpoint', 'too_many_changes'],
  handle: ({ webhooks }: WebhooksGroup) =>
    change(webhooks, (stored) => (stored.enabled ? { ...stored, enabled: false } : stored)),
});

/**
 * Sends to the endpoint again, whether it was paused or disabled. It is a version of the record that was disabled, so
 * a new version is made in any case.
 */
export const resumeWebhook = defineRoute({
  method: 'post',
  path: '/v2/tenants/{tenant_id}/webhooks/{endpoint_id}/resume',
  key: 'tenant',
  scope: 'webhooks:write',
  query: 'none',
  changes: 'limited',
  id: 'resumeWebhook',
  tag: 'Webhooks',
  summary: 'Resume an endpoint',
  description: 'Whether it was paused or disabled.',
  parameters: [parameters.tenantId, parameters.endpointId],
  answers: { 200: json('The endpoint.', EndpointView) },
  problems: ['unknown_endpoint', 'too_many_changes'],
  handle: ({ webhooks }: WebhooksGroup) => change(webhooks, (stored) => ({ ...stored, enabled: true })),
});

function change(deps: EndpointDeps, make: (stored: WebhookEndpoint) => WebhookEndpoint): TenantHandler {
  return async (c, { tenantId, actor }) => {
    const known = await readEndpoint(deps.endpoints, tenantId, c.req.param('endpoint_id') ?? '');
    const nowMs = deps.now();
    const endpoint = await changeEndpoint(deps.endpoints, known, { make, nowMs, actor });
    return answer(c, { status: 200, body: endpointView(deps.box, endpoint, nowMs) });
  };
}
