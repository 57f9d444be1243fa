import { randomUUIDv7 } from 'node:crypto';
import type { WebhookEndpoint } from '@errand/contracts';
import { z } from 'zod';
import { parseBody } from '../../http/body-errors.ts';
import { defineRoute } from '../../http/define-route.ts';
import { Refusal } from '../../http/problem.ts';
import { type HttpGroup, readJsonObject } from '../../http/read-body.ts';
import { answer, answerEmpty } from '../../http/respond.ts';
import { json, jsonBody } from '../../openapi/operation.ts';
import * as parameters from '../../openapi/parameters.ts';
import { named } from '../../openapi/schemas.ts';
import type { WebhooksGroup } from '../webhooks-group.ts';
import { ChangeBody, CreateBody, changeDraft } from './endpoint-draft.ts';
import { HealthView } from './endpoint-health.ts';
import { changeEndpoint, endpointKey, endpointsOf, readEndpoint } from './endpoint-store.ts';
import { emptyDraft, newEndpoint, refuseUnknownActions } from './new-endpoint.ts';
import {
  EndpointView,
  EndpointWithSecret,
  endpointView,
  openEndpoint,
  sealDraft,
} from './secrets/endpoint-secrets.ts';

const EndpointWithHealth = named(
  'WebhookEndpointWithHealth',
  EndpointView.extend({ health: HealthView.nullable() }),
);

/** A new endpoint. Its signing secret is in this answer and in no later one. */
export const createWebhook = defineRoute({
  method: 'post',
  path: '/v2/tenants/{tenant_id}/webhooks',
  key: 'tenant',
  scope: 'webhooks:write',
  query: 'none',
  changes: 'limited',
  id: 'createWebhook',
  tag: 'Webhooks',
  summary: 'Add an endpoint',
  description:
    'URLs are https and lead to public addresses. With the method `GET` the URL is a template of `<JOB_ID>`, `<STATUS>`, `<ACTION>` and `<TENANT_ID>`.',
  parameters: [parameters.tenantId],
  body: jsonBody(CreateBody, {
    example: { url: 'https://example.org/hooks/errand', event_types: ['job.succeeded', 'job.failed'] },
  }),
  answers: {
    201: json('The endpoint, with its signing secret.', EndpointWithSecret, { headers: ['Location'] }),
  },
  problems: ['too_many_endpoints', 'too_many_changes'],
  handle:
    ({ http, webhooks }: HttpGroup & WebhooksGroup) =>
    async (c, { tenantId, actor }) => {
      const body = parseBody(CreateBody, (await readJsonObject(c, http)).body);
      const checked = changeDraft(emptyDraft(), body, webhooks);
      if (checked.kind === 'invalid') throw new Refusal('invalid_input', { errors: checked.errors });
      await refuseUnknownActions(webhooks.catalogue, body);
      const endpointId = `whe_${randomUUIDv7().replaceAll('-', '')}`;
      const endpoint = await newEndpoint(webhooks, checked.draft, { tenantId, endpointId });
      await webhooks.endpoints.by(actor).put(endpointKey(tenantId, endpointId), endpoint);
      return answer(c, {
        status: 201,
        body: {
          ...endpointView(webhooks.box, endpoint, webhooks.now()),
          signing_secret: checked.draft.signing_secret,
        },
        headers: { location: `/v2/tenants/${tenantId}/webhooks/${endpointId}` },
      });
    },
});

/** Counted for each of a tenant's endpoints in a list, and for one alone. A tenant may have many endpoints. */
const MAX_PENDING_IN_LIST = 1_000;
const MAX_PENDING_OF_ONE = 10_000;

/** The tenant's endpoints, oldest first, as each is answered alone. */
export const listWebhooks = defineRoute({
  method: 'get',
  path: '/v2/tenants/{tenant_id}/webhooks',
  key: 'tenant',
  scope: 'webhooks:read',
  query: 'none',
  reads: 'limited',
  id: 'listWebhooks',
  tag: 'Webhooks',
  summary: 'Endpoints',
  description: 'Oldest first, and how each is doing.',
  parameters: [parameters.tenantId],
  answers: { 200: json('All of them.', z.object({ webhooks: z.array(EndpointWithHealth) })) },
  problems: ['too_many_reads'],
  handle:
    ({ webhooks }: WebhooksGroup) =>
    async (c, { tenantId }) => {
      const endpoints = endpointsOf(webhooks.endpoints, tenantId);
      const health = await webhooks.health.of(endpoints, MAX_PENDING_IN_LIST);
      const nowMs = webhooks.now();
      const views = endpoints.map((each) => ({
        ...endpointView(webhooks.box, each, nowMs),
        health: health?.get(each.endpoint_id) ?? null,
      }));
      return answer(c, { status: 200, body: { webhooks: views } });
    },
});

/** One endpoint without its secrets, and how it is doing, null if Postgres does not say. */
export const getWebhook = defineRoute({
  method: 'get',
  path: '/v2/tenants/{tenant_id}/webhooks/{endpoint_id}',
  key: 'tenant',
  scope: 'webhooks:read',
  query: 'none',
  id: 'getWebhook',
  tag: 'Webhooks',
  summary: 'An endpoint',
  description: 'Without its secrets; `health` is null while Postgres cannot be asked.',
  parameters: [parameters.tenantId, parameters.endpointId],
  answers: { 200: json('The endpoint.', EndpointWithHealth) },
  problems: ['unknown_endpoint'],
  handle:
    ({ webhooks }: WebhooksGroup) =>
    async (c, { tenantId }) => {
      const endpoint = await readEndpoint(webhooks.endpoints, tenantId, c.req.param('endpoint_id') ?? '');
      const health = await webhooks.health.of([endpoint], MAX_PENDING_OF_ONE);
      const view = endpointView(webhooks.box, endpoint, webhooks.now());
      return answer(c, { status: 200, body: { ...view, health: health?.get(endpoint.endpoint_id) ?? null } });
    },
});

/**
 * Changes the members that are sent and no others, however many do so at once. Another signing secret is in force at
 * once, and the one before it no longer.
 */
export const changeWebhook = defineRoute({
  method: 'patch',
  path: '/v2/tenants/{tenant_id}/webhooks/{endpoint_id}',
  key: 'tenant',
  scope: 'webhooks:write',
  query: 'none',
  changes: 'limited',
  id: 'changeWebhook',
  tag: 'Webhooks',
  summary: 'Change an endpoint',
  description: 'The members that are sent, and no others.',
  parameters: [parameters.tenantId, parameters.endpointId],
  body: jsonBody(ChangeBody, { example: { enabled: false } }),
  answers: { 200: json('The endpoint.', EndpointView) },
  problems: ['unknown_endpoint', 'too_many_changes'],
  handle:
    ({ http, webhooks }: HttpGroup & WebhooksGroup) =>
    async (c, { tenantId, actor }) => {
      const known = await readEndpoint(webhooks.endpoints, tenantId, c.req.param('endpoint_id') ?? '');
      const body = parseBody(ChangeBody, (await readJsonObject(c, http)).body);
      await refuseUnknownActions(webhooks.catalogue, body);
      const nowMs = webhooks.now();
      const make = (stored: WebhookEndpoint) => {
        const checked = changeDraft(openEndpoint(webhooks.box, stored), body, webhooks);
        if (checked.kind === 'invalid') throw new Refusal('invalid_input', { errors: checked.errors });
        return sealDraft(webhooks.box, checked.draft, stored);
      };
      const endpoint = await changeEndpoint(webhooks.endpoints, known, { make, nowMs, actor });
      return answer(c, { status: 200, body: endpointView(webhooks.box, endpoint, nowMs) });
    },
});

/** The endpoint and its secrets are gone. */
export const deleteWebhook = defineRoute({
  method: 'delete',
  path: '/v2/tenants/{tenant_id}/webhooks/{endpoint_id}',
  key: 'tenant',
  scope: 'webhooks:write',
  query: 'none',
  id: 'deleteWebhook',
  tag: 'Webhooks',
  summary: 'Remove an endpoint',
  description: 'With its secrets. Its deliveries can still be read.',
  parameters: [parameters.tenantId, parameters.endpointId],
  answers: { 204: { description: 'It is gone.' } },
  problems: ['unknown_endpoint'],
  handle:
    ({ webhooks: { endpoints } }: WebhooksGroup) =>
    async (c, { tenantId, actor }) => {
      const { endpoint_id } = await readEndpoint(endpoints, tenantId, c.req.param('endpoint_id') ?? '');
      await endpoints.by(actor).delete(endpointKey(tenantId, endpoint_id));
      return answerEmpty(c, 204);
    },
});
