import type { TenantHandler } from '../../http/authenticate.ts';
import { parseEmptyBody } from '../../http/body-errors.ts';
import { Refusal } from '../../http/problem.ts';
import { type BodyLimits, readOptionalJsonObject } from '../../http/read-body.ts';
import { answer } from '../../http/respond.ts';
import { type AskDeps, askWebhooks } from './ask-webhooks.ts';
import { deliveryIdOf, parseDeliveryId } from './delivery-id.ts';

/** POST …/deliveries/{delivery_id}/redeliver: the delivery is made again, whatever became of it. */
export function redeliver(deps: AskDeps & BodyLimits): TenantHandler {
  return async (c, { tenantId }) => {
    parseEmptyBody((await readOptionalJsonObject(c, deps)).body);
    const key = parseDeliveryId(c.req.param('delivery_id') ?? '');
    if (!key) throw new Refusal('unknown_delivery');
    const request = { tenant_id: tenantId, event_id: key.eventId, endpoint_id: key.endpointId };
    const { attempts, due_at } = await askWebhooks(c, deps, { command: 'redeliver', request });
    return answer(c, { status: 202, body: { delivery_id: deliveryIdOf(key), attempts, due_at } });
  };
}
