import { WEBHOOK_COMMANDS } from '@errand/contracts';
import { EmptyBody, parseEmptyBody } from '../../http/body-errors.ts';
import { defineRoute } from '../../http/define-route.ts';
import { Refusal } from '../../http/problem.ts';
import { type HttpGroup, readOptionalJsonObject } from '../../http/read-body.ts';
import { answer } from '../../http/respond.ts';
import { json, jsonBody } from '../../openapi/operation.ts';
import * as parameters from '../../openapi/parameters.ts';
import { named } from '../../openapi/schemas.ts';
import { readEndpoint } from '../endpoints/endpoint-store.ts';
import type { WebhooksGroup } from '../webhooks-group.ts';
import { askWebhooks } from './ask-webhooks.ts';

/** How the call went. */
const TestAnswer = named('WebhookTest', WEBHOOK_COMMANDS.test.answer.options[1].omit({ kind: true }));

/** Calls the endpoint with a `webhook.test` event and answers how that went. */
export const testWebhook = defineRoute({
  method: 'post',
  path: '/v2/tenants/{tenant_id}/webhooks/{endpoint_id}/test',
  key: 'tenant',
  scope: 'webhooks:write',
  query: 'none',
  id: 'testWebhook',
  tag: 'Deliveries',
  summary: 'Try an endpoint out',
  description: 'Calls it once with a `webhook.test` event, and answers 200 whatever came of it.',
  parameters: [parameters.tenantId, parameters.endpointId],
  body: jsonBody(EmptyBody, { required: false }),
  answers: { 200: json('How it went.', TestAnswer) },
  problems: ['unknown_endpoint', 'too_many_tests', 'webhooks_unavailable'],
  handle:
    ({ http, webhooks }: HttpGroup & WebhooksGroup) =>
    async (c, { tenantId }) => {
      const { endpoint_id } = await readEndpoint(
        webhooks.endpoints,
        tenantId,
        c.req.param('endpoint_id') ?? '',
      );
      parseEmptyBody((await readOptionalJsonObject(c, http)).body);
      const waitS = webhooks.testAllowance.take(tenantId);
      if (waitS > 0) throw new Refusal('too_many_tests', { headers: { 'retry-after': String(waitS) } });
      const request = { tenant_id: tenantId, endpoint_id };
      const { kind: _, ...attempt } = await askWebhooks(c, webhooks, { command: 'test', request });
      return answer(c, { status: 200, body: attempt });
    },
});
