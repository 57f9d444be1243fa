import { answer } from '../answer.ts';
import { parseEmptyBody } from '../body-errors.ts';
import type { TenantHandler } from '../middleware/authenticate.ts';
import { type BodyLimits, readOptionalJsonObject } from '../middleware/read-json.ts';
import { Refusal } from '../problem.ts';
import { type AskDeps, askWebhooks } from '../webhooks/ask-webhooks.ts';
import { deliveryIdOf, parseDeliveryId } from '../webhooks/delivery-id.ts';

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
