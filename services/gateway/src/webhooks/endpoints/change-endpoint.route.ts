import type { WebhookEndpoint } from '@errand/contracts';
import { parseBody } from '../../http/body-errors.ts';
import { defineRoute } from '../../http/define-route.ts';
import { Refusal } from '../../http/problem.ts';
import { type HttpGroup, readJsonObject } from '../../http/read-body.ts';
import { answer } from '../../http/respond.ts';
import { json, jsonBody } from '../../openapi/operation.ts';
import * as parameters from '../../openapi/parameters.ts';
import type { WebhooksGroup } from '../webhooks-group.ts';
import { ChangeBody, changeDraft } from './endpoint-draft.ts';
import { changeEndpoint, readEndpoint } from './endpoint-store.ts';
import { refuseUnknownActions } from './refuse-unknown-actions.ts';
import { EndpointView, endpointView, openEndpoint, sealDraft } from './secrets/endpoint-secrets.ts';

/**
 * Changes the members that are sent and no others, however many do so at once. Another signing secret is in force at
 * once, and the one before it no longer.
 */
export const changeWebhook = defineRoute({
  method: 'patch',
  path: '/v2/tenants/{tenant_id}/webhooks/{endpoint_id}',
  key: 'tenant',
  query: 'none',
  id: 'changeWebhook',
  tag: 'Webhooks',
  summary: 'Change an endpoint',
  description: 'The members that are sent, and no others.',
  parameters: [parameters.tenantId, parameters.endpointId],
  body: jsonBody(ChangeBody, { example: { enabled: false } }),
  answers: { 200: json('The endpoint.', EndpointView) },
  problems: ['unknown_endpoint'],
  handle:
    ({ http, webhooks }: HttpGroup & WebhooksGroup) =>
    async (c, { tenantId }) => {
      const known = await readEndpoint(webhooks.endpoints, tenantId, c.req.param('endpoint_id') ?? '');
      const body = parseBody(ChangeBody, (await readJsonObject(c, http)).body);
      await refuseUnknownActions(webhooks.catalogue, body);
      const nowMs = webhooks.now();
      const make = (stored: WebhookEndpoint) => {
        const checked = changeDraft(openEndpoint(webhooks.box, stored), body, webhooks);
        if (checked.kind === 'invalid') throw new Refusal('invalid_input', { errors: checked.errors });
        return sealDraft(webhooks.box, checked.draft, stored);
      };
      const endpoint = await changeEndpoint(webhooks.endpoints, known, { make, nowMs });
      return answer(c, { status: 200, body: endpointView(webhooks.box, endpoint, nowMs) });
    },
});
