import type { SecretBox } from '@errand/runtime';
import { answer } from '../answer.ts';
import type { TenantHandler } from '../middleware/authenticate.ts';
import { endpointView } from '../webhooks/endpoint-secrets.ts';
import { type EndpointBucket, readEndpoint } from '../webhooks/endpoint-store.ts';

/** GET …/webhooks/{endpoint_id}: one endpoint without its secrets. */
export function getWebhook(deps: { endpoints: EndpointBucket; box: SecretBox }): TenantHandler {
  return async (c, { tenantId }) => {
    const endpoint = await readEndpoint(deps.endpoints, tenantId, c.req.param('endpoint_id') ?? '');
    return answer(c, { status: 200, body: endpointView(deps.box, endpoint) });
  };
}
