import { z } from 'zod';
import { defineRoute } from '../../http/define-route.ts';
import { Refusal } from '../../http/problem.ts';
import { answer } from '../../http/respond.ts';
import { json } from '../../openapi/operation.ts';
import * as parameters from '../../openapi/parameters.ts';
import type { WebhooksGroup } from '../webhooks-group.ts';
import { type DeliveryKey, parseDeliveryId } from './delivery-id.ts';
import type { DeliveryLog, DeliveryRow } from './delivery-rows.ts';
import { AttemptView, attemptView, DeliveryView, deliveryView } from './delivery-view.ts';

export const getDelivery = defineRoute({
  method: 'get',
  path: '/v2/tenants/{tenant_id}/deliveries/{delivery_id}',
  key: 'tenant',
  query: 'none',
  id: 'getDelivery',
  tag: 'Deliveries',
  summary: 'A delivery',
  description: 'One event for one endpoint.',
  parameters: [parameters.tenantId, parameters.deliveryId],
  answers: { 200: json('The delivery.', DeliveryView) },
  problems: ['unknown_delivery', 'database_unavailable'],
  handle:
    ({ webhooks: { deliveries } }: WebhooksGroup) =>
    async (c, { tenantId }) => {
      const { row } = await readDelivery(deliveries, tenantId, c.req.param('delivery_id'));
      return answer(c, { status: 200, body: deliveryView(row) });
    },
});

export const listAttempts = defineRoute({
  method: 'get',
  path: '/v2/tenants/{tenant_id}/deliveries/{delivery_id}/attempts',
  key: 'tenant',
  query: 'none',
  reads: 'limited',
  id: 'listAttempts',
  tag: 'Deliveries',
  summary: 'Attempts at a delivery',
  description: 'Newest first, the last hundred.',
  parameters: [parameters.tenantId, parameters.deliveryId],
  answers: { 200: json('The attempts.', z.object({ attempts: z.array(AttemptView) })) },
  problems: ['unknown_delivery', 'database_unavailable', 'too_many_reads'],
  handle:
    ({ webhooks: { deliveries } }: WebhooksGroup) =>
    async (c, { tenantId }) => {
      const { key } = await readDelivery(deliveries, tenantId, c.req.param('delivery_id'));
      const attempts = await deliveries.attempts(key);
      return answer(c, { status: 200, body: { attempts: attempts.map(attemptView) } });
    },
});

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
