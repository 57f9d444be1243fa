import { Instant } from '@errand/contracts';
import { z } from 'zod';
import { EmptyBody, parseEmptyBody } from '../../http/body-errors.ts';
import { defineRoute } from '../../http/define-route.ts';
import { Refusal } from '../../http/problem.ts';
import { type HttpGroup, readOptionalJsonObject } from '../../http/read-body.ts';
import { answer } from '../../http/respond.ts';
import { json, jsonBody } from '../../openapi/operation.ts';
import * as parameters from '../../openapi/parameters.ts';
import type { WebhooksGroup } from '../webhooks-group.ts';
import { askWebhooks } from './ask-webhooks.ts';
import { deliveryIdOf, parseDeliveryId } from './delivery-id.ts';

/** The delivery is made again, whatever became of it. */
export const redeliver = defineRoute({
  method: 'post',
  path: '/v2/tenants/{tenant_id}/deliveries/{delivery_id}/redeliver',
  key: 'tenant',
  query: 'none',
  id: 'redeliver',
  tag: 'Deliveries',
  summary: 'Deliver again',
  description: 'It is due at once, whatever became of it.',
  parameters: [parameters.tenantId, parameters.deliveryId],
  body: jsonBody(EmptyBody, { required: false }),
  answers: {
    202: json('It is scheduled.', z.object({ delivery_id: z.string(), attempts: z.int(), due_at: Instant })),
  },
  problems: ['unknown_delivery', 'unknown_endpoint', 'webhooks_unavailable'],
  handle:
    ({ http, webhooks }: HttpGroup & WebhooksGroup) =>
    async (c, { tenantId }) => {
      parseEmptyBody((await readOptionalJsonObject(c, http)).body);
      const key = parseDeliveryId(c.req.param('delivery_id') ?? '');
      if (!key) throw new Refusal('unknown_delivery');
      const request = { tenant_id: tenantId, event_id: key.eventId, endpoint_id: key.endpointId };
      const { attempts, due_at } = await askWebhooks(c, webhooks, { command: 'redeliver', request });
      return answer(c, { status: 202, body: { delivery_id: deliveryIdOf(key), attempts, due_at } });
    },
});
