import { parseBody } from '../../../http/body-errors.ts';
import { defineRoute } from '../../../http/define-route.ts';
import { type HttpGroup, readOptionalJsonObject } from '../../../http/read-body.ts';
import { answer } from '../../../http/respond.ts';
import { json, jsonBody } from '../../../openapi/operation.ts';
import * as parameters from '../../../openapi/parameters.ts';
import type { WebhooksGroup } from '../../webhooks-group.ts';
import { readEndpoint } from '../endpoint-store.ts';
import { EndpointWithSecret, endpointView } from './endpoint-secrets.ts';
import { RotateBody, rotateSecret } from './rotate-secret.ts';

/** Another signing secret, which is in this answer and in no later one. */
export const rotateWebhookSecret = defineRoute({
  method: 'post',
  path: '/v2/tenants/{tenant_id}/webhooks/{endpoint_id}/rotate-secret',
  key: 'tenant',
  scope: 'webhooks:write',
  query: 'none',
  changes: 'limited',
  id: 'rotateWebhookSecret',
  tag: 'Webhooks',
  summary: "Replace an endpoint's signing secret",
  description: 'Requests are signed with the replaced one too for `grace_s`.',
  parameters: [parameters.tenantId, parameters.endpointId],
  body: jsonBody(RotateBody, { required: false }),
  answers: { 200: json('The endpoint, with its signing secret.', EndpointWithSecret) },
  problems: ['unknown_endpoint', 'too_many_secrets', 'too_many_changes'],
  handle:
    ({ http, webhooks }: HttpGroup & WebhooksGroup) =>
    async (c, { tenantId, actor }) => {
      const known = await readEndpoint(webhooks.endpoints, tenantId, c.req.param('endpoint_id') ?? '');
      const body = parseBody(RotateBody, (await readOptionalJsonObject(c, http)).body);
      const { endpoint, signingSecret } = await rotateSecret(webhooks, known, { body, actor });
      const view = endpointView(webhooks.box, endpoint, webhooks.now());
      return answer(c, { status: 200, body: { ...view, signing_secret: signingSecret } });
    },
});
