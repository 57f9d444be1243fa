import type { TenantHandler } from '../../http/authenticate.ts';
import { answerEmpty } from '../../http/respond.ts';
import { type EndpointBucket, endpointKey, readEndpoint } from './endpoint-store.ts';

/** DELETE …/webhooks/{endpoint_id}: the endpoint and its secrets are gone. */
export function deleteWebhook({ endpoints }: { endpoints: EndpointBucket }): TenantHandler {
  return async (c, { tenantId }) => {
    const { endpoint_id } = await readEndpoint(endpoints, tenantId, c.req.param('endpoint_id') ?? '');
    await endpoints.delete(endpointKey(tenantId, endpoint_id));
    return answerEmpty(c, 204);
  };
}
