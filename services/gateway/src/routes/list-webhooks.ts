import type { SecretBox } from '@errand/runtime';
import { answer } from '../answer.ts';
import type { TenantHandler } from '../middleware/authenticate.ts';
import { endpointView } from '../webhooks/endpoint-secrets.ts';
import { type EndpointBucket, endpointsOf } from '../webhooks/endpoint-store.ts';

/** GET …/webhooks: the tenant's endpoints, oldest first, without their secrets. */
export function listWebhooks(deps: { endpoints: EndpointBucket; box: SecretBox }): TenantHandler {
  return (c, { tenantId }) => {
    const webhooks = endpointsOf(deps.endpoints, tenantId).map((each) => endpointView(deps.box, each));
    return answer(c, { status: 200, body: { webhooks } });
  };
}
