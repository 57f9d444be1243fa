import type { TenantHandler } from '../../http/authenticate.ts';
import { Refusal } from '../../http/problem.ts';
import { cursorOf } from '../../http/read-query.ts';
import { answer } from '../../http/respond.ts';
import { type EndpointBucket, endpointKey } from '../endpoints/endpoint-store.ts';
import { isReceiverId } from './delivery-id.ts';
import { readDeliveryQuery } from './delivery-query.ts';
import type { DeliveryLog } from './delivery-rows.ts';
import { deliveryView } from './delivery-view.ts';

/** GET …/webhooks/{endpoint_id}/deliveries: newest first, also of an endpoint that was deleted. */
export function listDeliveries(deps: { endpoints: EndpointBucket; deliveries: DeliveryLog }): TenantHandler {
  return async (c, { tenantId }) => {
    const endpointId = c.req.param('endpoint_id') ?? '';
    if (!isReceiverId(endpointId)) throw new Refusal('unknown_endpoint');
    const read = readDeliveryQuery(new URL(c.req.url).searchParams);
    if (read.kind === 'invalid') throw new Refusal('invalid_input', { errors: read.errors });
    const isKnown =
      deps.endpoints.peek(endpointKey(tenantId, endpointId)) !== undefined ||
      (await deps.deliveries.hasAny(tenantId, endpointId));
    if (!isKnown) throw new Refusal('unknown_endpoint');
    const { rows, nextBelowId } = await deps.deliveries.page({ tenantId, endpointId }, read.query);
    const nextCursor = nextBelowId === undefined ? null : cursorOf(nextBelowId);
    return answer(c, {
      status: 200,
      body: { deliveries: rows.map(deliveryView), next_cursor: nextCursor },
    });
  };
}
