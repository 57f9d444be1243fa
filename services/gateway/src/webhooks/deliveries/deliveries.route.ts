import { ENDPOINT_NEWS_TYPES, Instant, WEBHOOK_EVENT_TYPES } from '@errand/contracts';
import { DELIVERY_STATES } from '@errand/postgres';
import { z } from 'zod';
import { EmptyBody, parseEmptyBody } from '../../http/body-errors.ts';
import { defineRoute } from '../../http/define-route.ts';
import { Refusal } from '../../http/problem.ts';
import { type HttpGroup, readOptionalJsonObject } from '../../http/read-body.ts';
import type { Ctx } from '../../http/request-log.ts';
import { answer } from '../../http/respond.ts';
import { findJob } from '../../jobs/find-job.ts';
import { readJobQuery } from '../../jobs/job-query.ts';
import type { JobsGroup } from '../../jobs/jobs-group.ts';
import { inQuery, json, jsonBody } from '../../openapi/operation.ts';
import * as parameters from '../../openapi/parameters.ts';
import { endpointKey } from '../endpoints/endpoint-store.ts';
import type { WebhooksGroup } from '../webhooks-group.ts';
import { askWebhooks } from './ask-webhooks.ts';
import { type DeliveryKey, deliveryIdOf, isReceiverId, parseDeliveryId } from './delivery-id.ts';
import { type DeliveryQuery, deliveryCursorOf, readDeliveryQuery } from './delivery-query.ts';
import type { DeliveryLog, DeliveryRow } from './delivery-rows.ts';
import { AttemptView, attemptView, DeliveryView, deliveryView } from './delivery-view.ts';

const FILTERS = [
  parameters.listOf('status', 'Any of these.', { enum: DELIVERY_STATES }),
  parameters.listOf('type', 'Any of these.', { enum: [...WEBHOOK_EVENT_TYPES, ...ENDPOINT_NEWS_TYPES] }),
  inQuery('since', 'Events at or after this time.', parameters.instant),
  inQuery('until', 'Events before this time.', parameters.instant),
];
const DeliveryPage = json(
  'A page.',
  z.object({ deliveries: z.array(DeliveryView), next_cursor: z.string().nullable() }),
);

/** Newest first, also of an endpoint that was deleted. */
export const listDeliveries = defineRoute({
  method: 'get',
  path: '/v2/tenants/{tenant_id}/webhooks/{endpoint_id}/deliveries',
  key: 'tenant',
  scope: 'webhooks:read',
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
    ...FILTERS,
  ],
  answers: { 200: DeliveryPage },
  problems: ['unknown_endpoint', 'invalid_input', 'database_unavailable', 'too_many_reads'],
  handle:
    ({ webhooks }: WebhooksGroup) =>
    async (c, { tenantId }) => {
      const endpointId = c.req.param('endpoint_id') ?? '';
      if (!isReceiverId(endpointId)) throw new Refusal('unknown_endpoint');
      const query = readQuery(c, 'endpoint');
      if (!(await isKnown(webhooks, tenantId, endpointId))) throw new Refusal('unknown_endpoint');
      return answerPage(c, await webhooks.deliveries.page({ tenantId, endpointId }, query));
    },
});

/** Newest first, to all endpoints. */
export const listTenantDeliveries = defineRoute({
  method: 'get',
  path: '/v2/tenants/{tenant_id}/deliveries',
  key: 'tenant',
  scope: 'webhooks:read',
  reads: 'limited',
  id: 'listTenantDeliveries',
  tag: 'Deliveries',
  summary: 'Deliveries to all endpoints',
  description:
    "Newest first, with those of runs' own webhooks. With a filter a page may be short, or empty, and still have a `next_cursor`.",
  parameters: [
    parameters.tenantId,
    { ...parameters.endpointId, in: 'query' },
    parameters.jobIdInQuery,
    parameters.limit(200, 50),
    inQuery('cursor', 'The `next_cursor` of the page before.', {
      type: 'string',
      pattern: '^[A-Za-z0-9_-]{22}(\\.[A-Za-z0-9_-]{1,100})?$',
    }),
    ...FILTERS,
  ],
  answers: { 200: DeliveryPage },
  problems: ['invalid_input', 'database_unavailable', 'too_many_reads'],
  handle:
    ({ webhooks }: WebhooksGroup) =>
    async (c, { tenantId }) => {
      const query = readQuery(c, 'tenant');
      const { endpointId } = query;
      if (endpointId !== undefined && !(await isKnown(webhooks, tenantId, endpointId))) {
        return answerPage(c, { rows: [], last: undefined });
      }
      return answerPage(c, await webhooks.deliveries.page({ tenantId, endpointId }, query));
    },
});

/** @throws Refusal invalid_input */
function readQuery(c: Ctx, of: 'endpoint' | 'tenant'): DeliveryQuery {
  const read = readDeliveryQuery(new URL(c.req.url).searchParams, of);
  if (read.kind === 'invalid') throw new Refusal('invalid_input', { errors: read.errors });
  return read.query;
}

/** Whether the tenant has the endpoint, or had it and has its deliveries. */
async function isKnown(
  { endpoints, deliveries }: WebhooksGroup['webhooks'],
  tenantId: string,
  endpointId: string,
): Promise<boolean> {
  return (
    endpoints.peek(endpointKey(tenantId, endpointId)) !== undefined ||
    (await deliveries.hasAny(tenantId, endpointId))
  );
}

function answerPage(c: Ctx, { rows, last }: Awaited<ReturnType<DeliveryLog['page']>>): Response {
  const next_cursor = last === undefined ? null : deliveryCursorOf(last);
  return answer(c, { status: 200, body: { deliveries: rows.map(deliveryView), next_cursor } });
}

/** What was told of a job, to whom. It is kept for longer than the job's summary. */
export const listJobDeliveries = defineRoute({
  method: 'get',
  path: '/v2/tenants/{tenant_id}/jobs/{job_id}/deliveries',
  key: 'tenant',
  scope: 'webhooks:read',
  query: 'none',
  reads: 'limited',
  id: 'listJobDeliveries',
  tag: 'Deliveries',
  summary: 'What was told of a job',
  description: 'And to whom. It is kept for longer than the summary of the job.',
  parameters: [parameters.tenantId, parameters.jobId],
  answers: { 200: json('All of them.', z.object({ deliveries: z.array(DeliveryView) })) },
  problems: [
    'unknown_job',
    'job_expired',
    'invalid_input',
    'database_unavailable',
    'too_many_reads',
    'history_out_of_reach',
  ],
  handle:
    ({ jobs, webhooks }: JobsGroup & WebhooksGroup) =>
    async (c, { tenantId }) => {
      const jobId = readJobId(c.req.param('job_id'));
      c.env.jobId = jobId;
      const rows = await webhooks.deliveries.ofJob(tenantId, jobId);
      if (rows.length === 0) {
        readJobQuery({ jobId }, jobs.now());
        await findJob(jobs, { tenantId, jobId, action: undefined, minVersion: 0 });
      }
      return answer(c, { status: 200, body: { deliveries: rows.map(deliveryView) } });
    },
});

/** An id of any age. @throws Refusal invalid_input */
function readJobId(sent: string | undefined): string {
  return readJobQuery({ jobId: sent }, Number.NEGATIVE_INFINITY).jobId;
}

export const getDelivery = defineRoute({
  method: 'get',
  path: '/v2/tenants/{tenant_id}/deliveries/{delivery_id}',
  key: 'tenant',
  scope: 'webhooks:read',
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
  scope: 'webhooks:read',
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

/** The delivery is made again, whatever became of it. */
export const redeliver = defineRoute({
  method: 'post',
  path: '/v2/tenants/{tenant_id}/deliveries/{delivery_id}/redeliver',
  key: 'tenant',
  scope: 'webhooks:write',
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
