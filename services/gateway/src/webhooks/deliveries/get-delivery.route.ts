import type { TenantHandler } from '../../http/authenticate.ts';
import { Refusal } from '../../http/problem.ts';
import { answer } from '../../http/respond.ts';
import { type DeliveryKey, parseDeliveryId } from './delivery-id.ts';
import type { DeliveryLog, DeliveryRow } from './delivery-rows.ts';
import { attemptView, deliveryView } from './delivery-view.ts';

interface Deps {
  readonly deliveries: DeliveryLog;
}

/** GET …/deliveries/{delivery_id} */
export function getDelivery({ deliveries }: Deps): TenantHandler {
  return async (c, { tenantId }) => {
    const { row } = await readDelivery(deliveries, tenantId, c.req.param('delivery_id'));
    return answer(c, { status: 200, body: deliveryView(row) });
  };
}

/** GET …/deliveries/{delivery_id}/attempts: newest first, the last hundred. */
export function listAttempts({ deliveries }: Deps): TenantHandler {
  return async (c, { tenantId }) => {
    const { key } = await readDelivery(deliveries, tenantId, c.req.param('delivery_id'));
    const attempts = await deliveries.attempts(key);
    return answer(c, { status: 200, body: { attempts: attempts.map(attemptView) } });
  };
}

/** @throws Refusal unknown_delivery, database_unavailable */
async function readDelivery(
  deliveries: DeliveryLog,
  tenantId: string,
  deliveryId = '',
): Promise<{ key: DeliveryKey; row: DeliveryRow }> {
  const key = parseDeliveryId(deliveryId);
  const row = key && (await deliveries.find(tenantId, key));
  if (!row) throw new Refusal('unknown_delivery');
  return { key, row };
}
