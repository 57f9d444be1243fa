import { ENDPOINT_NEWS_TYPES, WEBHOOK_EVENT_TYPES } from '@errand/contracts';
import { DELIVERY_STATES } from '@errand/postgres';
import { z } from 'zod';
import { defineRoute } from '../../http/define-route.ts';
import { Refusal } from '../../http/problem.ts';
import { cursorOf } from '../../http/read-query.ts';
import { answer } from '../../http/respond.ts';
import { inQuery, json } from '../../openapi/operation.ts';
import * as parameters from '../../openapi/parameters.ts';
import { endpointKey } from '../endpoints/endpoint-store.ts';
import type { WebhooksGroup } from '../webhooks-group.ts';
import { isReceiverId } from './delivery-id.ts';
import { readDeliveryQuery } from './delivery-query.ts';
import { DeliveryView, deliveryView } from './delivery-view.ts';

/** Newest first, also of an endpoint that was deleted. */
export const listDeliveries = defineRoute({
  method: 'get',
  path: '/v2/tenants/{tenant_id}/webhooks/{endpoint_id}/deliveries',
  key: 'tenant',
  reads: 'limited',
  id: 'listDeliveries',
  tag: 'Deliveries',
  summary: 'Deliveries to an endpoint',
  description: 'Newest first. With a filter a page may be short, or empty, and still have a `next_cursor`.',
  parameters: [
    parameters.tenantId,
    parameters.endpointId,
    parameters.jobIdInQuery,
    parameters.limit(200, 50),
    parameters.cursor,
    parameters.listOf('status', 'Any of these.', { enum: DELIVERY_STATES }),
    parameters.listOf('type', 'Any of these.', { enum: [...WEBHOOK_EVENT_TYPES, ...ENDPOINT_NEWS_TYPES] }),
    inQuery('since', 'Events at or after this time.', parameters.instant),
    inQuery('until', 'Events before this time.', parameters.instant),
  ],
  answers: {
    200: json('A page.', z.object({ deliveries: z.array(DeliveryView), next_cursor: z.string().nullable() })),
  },
  problems: ['unknown_endpoint', 'invalid_input', 'database_unavailable', 'too_many_reads'],
  handle:
    ({ webhooks }: WebhooksGroup) =>
    async (c, { tenantId }) => {
      const endpointId = c.req.param('endpoint_id') ?? '';
      if (!isReceiverId(endpointId)) throw new Refusal('unknown_endpoint');
      const read = readDeliveryQuery(new URL(c.req.url).searchParams);
      if (read.kind === 'invalid') throw new Refusal('invalid_input', { errors: read.errors });
      const isKnown =
        webhooks.endpoints.peek(endpointKey(tenantId, endpointId)) !== undefined ||
        (await webhooks.deliveries.hasAny(tenantId, endpointId));
      if (!isKnown) throw new Refusal('unknown_endpoint');
      const { rows, nextBelowId } = await webhooks.deliveries.page({ tenantId, endpointId }, read.query);
      const nextCursor = nextBelowId === undefined ? null : cursorOf(nextBelowId);
      return answer(c, {
        status: 200,
        body: { deliveries: rows.map(deliveryView), next_cursor: nextCursor },
      });
    },
});
