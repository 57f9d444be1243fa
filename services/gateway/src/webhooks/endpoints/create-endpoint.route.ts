import { randomUUIDv7 } from 'node:crypto';
import { WEBHOOK_EVENT_TYPES } from '@errand/contracts';
import { parseBody } from '../../http/body-errors.ts';
import { defineRoute } from '../../http/define-route.ts';
import { Refusal } from '../../http/problem.ts';
import { type HttpGroup, readJsonObject } from '../../http/read-body.ts';
import { answer } from '../../http/respond.ts';
import { json, jsonBody } from '../../openapi/operation.ts';
import * as parameters from '../../openapi/parameters.ts';
import type { WebhooksGroup } from '../webhooks-group.ts';
import { EndpointWithSecret } from './endpoint-answers.ts';
import { CreateBody, changeDraft, type EndpointDraft } from './endpoint-draft.ts';
import { endpointKey, endpointsOf } from './endpoint-store.ts';
import { refuseUnknownActions } from './refuse-unknown-actions.ts';
import { endpointView, sealDraft } from './secrets/endpoint-secrets.ts';
import { newSigningSecret } from './secrets/signing-secret.ts';

/** A new endpoint. Its signing secret is in this answer and in no later one. */
export const createWebhook = defineRoute({
  method: 'post',
  path: '/v2/tenants/{tenant_id}/webhooks',
  key: 'tenant',
  query: 'none',
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
  problems: ['too_many_endpoints'],
  handle:
    ({ http, webhooks }: HttpGroup & WebhooksGroup) =>
    async (c, { tenantId }) => {
      const body = parseBody(CreateBody, (await readJsonObject(c, http)).body);
      const checked = changeDraft(emptyDraft(), body, webhooks);
      if (checked.kind === 'invalid') throw new Refusal('invalid_input', { errors: checked.errors });
      await refuseUnknownActions(webhooks.catalogue, body);
      await webhooks.endpoints.dropExpired(tenantId);
      if (endpointsOf(webhooks.endpoints, tenantId).length >= webhooks.endpointsPerTenant) {
        throw new Refusal('too_many_endpoints', {
          detail: `A tenant may have ${webhooks.endpointsPerTenant} webhook endpoints.`,
        });
      }
      const nowMs = webhooks.now();
      const at = new Date(nowMs).toISOString();
      const endpointId = `whe_${randomUUIDv7().replaceAll('-', '')}`;
      // Read before the record is written, or an ending might come between and be told to nobody.
      const { lastVersion: hears_after } = await webhooks.bus.jobs.reach();
      const owner = {
        tenant_id: tenantId,
        endpoint_id: endpointId,
        created_at: at,
        updated_at: at,
        hears_after,
      };
      const endpoint = sealDraft(webhooks.box, checked.draft, owner);
      await webhooks.endpoints.put(endpointKey(tenantId, endpointId), endpoint);
      return answer(c, {
        status: 201,
        body: {
          ...endpointView(webhooks.box, endpoint, nowMs),
          signing_secret: checked.draft.signing_secret,
        },
        headers: { location: `/v2/tenants/${tenantId}/webhooks/${endpointId}` },
      });
    },
});

function emptyDraft(): EndpointDraft {
  return {
    url: '',
    method: 'POST',
    description: '',
    enabled: true,
    event_types: [...WEBHOOK_EVENT_TYPES],
    actions: null,
    metadata: null,
    include: null,
    max_rps: null,
    max_concurrency: null,
    expires_at: null,
    basic_auth: null,
    secret_headers: {},
    signing_secret: newSigningSecret(),
  };
}
