import { isDeepStrictEqual } from 'node:util';
import type { WebhookEndpoint } from '@errand/contracts';
import { z } from 'zod';
import { parseBody } from '../../http/body-errors.ts';
import { defineRoute } from '../../http/define-route.ts';
import { Refusal } from '../../http/problem.ts';
import { type HttpGroup, readJsonObject } from '../../http/read-body.ts';
import { isDryRun, refuseUnknownParameters } from '../../http/read-query.ts';
import { answer } from '../../http/respond.ts';
import { inPath, json, jsonBody } from '../../openapi/operation.ts';
import * as parameters from '../../openapi/parameters.ts';
import { named } from '../../openapi/schemas.ts';
import type { WebhooksGroup } from '../webhooks-group.ts';
import { CreateBody, changeDraft, type EndpointDraft } from './endpoint-draft.ts';
import { changeIfThere, ENDPOINT_ID, endpointKey } from './endpoint-store.ts';
import { emptyDraft, newEndpoint, refuseUnknownActions } from './new-endpoint.ts';
import {
  EndpointView,
  EndpointWithSecret,
  endpointView,
  openEndpoint,
  sealDraft,
} from './secrets/endpoint-secrets.ts';

const chosenId = inPath('endpoint_id', 'The id of your choice.', z.string().regex(ENDPOINT_ID));

const ReplacedEndpoint = named(
  'ReplacedWebhookEndpoint',
  EndpointView.extend({
    changed: z.array(z.string()).meta({ description: 'Members that were different, also secrets.' }),
  }),
);

/** Makes an endpoint what the body says, under an id that the caller has chosen. The same again changes nothing. */
export const putWebhook = defineRoute({
  method: 'put',
  path: '/v2/tenants/{tenant_id}/webhooks/{endpoint_id}',
  key: 'tenant',
  scope: 'webhooks:write',
  changes: 'limited',
  id: 'putWebhook',
  tag: 'Webhooks',
  summary: 'Make an endpoint what the body says',
  description:
    'The id is `whe_` and 32 hexadecimal digits of your choice. What the body leaves out is as it is by default, but for `enabled`, `signing_secret` and `expires_in_s`, which stay as they are. The same again changes nothing. With `validate_only` nothing is changed, and `changed` says what would be.',
  parameters: [parameters.tenantId, chosenId, parameters.validateOnly],
  body: jsonBody(CreateBody, {
    example: { url: 'https://example.org/hooks/errand', event_types: ['job.succeeded', 'job.failed'] },
  }),
  answers: {
    200: json('It was there, or nothing was to be done.', ReplacedEndpoint),
    201: json('It is made, with its signing secret.', EndpointWithSecret),
  },
  problems: ['too_many_endpoints', 'too_many_changes'],
  handle:
    ({ http, webhooks }: HttpGroup & WebhooksGroup) =>
    async (c, { tenantId, actor }) => {
      refuseUnknownParameters(c, ['validate_only']);
      const isOnlyChecked = isDryRun(c);
      const endpointId = readEndpointId(c.req.param('endpoint_id') ?? '');
      const body = parseBody(CreateBody, (await readJsonObject(c, http)).body);
      await refuseUnknownActions(webhooks.catalogue, body);
      const { box, endpoints } = webhooks;
      const owner = { tenantId, endpointId };
      const key = endpointKey(tenantId, endpointId);
      const seen = (endpoint: WebhookEndpoint) => endpointView(box, endpoint, webhooks.now());
      if (isOnlyChecked) {
        const stored = await endpoints.get(key);
        const before = stored ? openEndpoint(box, stored) : emptyDraft();
        const draft = replaced(before, body, webhooks);
        const endpoint = stored ?? (await newEndpoint(webhooks, draft, owner));
        return answer(c, { status: 200, body: { ...seen(endpoint), changed: differences(before, draft) } });
      }
      let changed: string[] = [];
      const make = (stored: WebhookEndpoint) => {
        const before = openEndpoint(box, stored);
        const draft = replaced(before, body, webhooks);
        changed = differences(before, draft);
        return changed.length === 0 ? stored : sealDraft(box, draft, stored);
      };
      // Others may delete or make it in between.
      for (;;) {
        if (await endpoints.get(key)) {
          const change = { make, nowMs: webhooks.now(), actor };
          const endpoint = await changeIfThere(endpoints, key, change);
          if (endpoint) return answer(c, { status: 200, body: { ...seen(endpoint), changed } });
        } else {
          const draft = replaced(emptyDraft(), body, webhooks);
          const endpoint = await newEndpoint(webhooks, draft, owner);
          if (await endpoints.by(actor).create(key, endpoint)) {
            const { signing_secret } = draft;
            return answer(c, { status: 201, body: { ...seen(endpoint), signing_secret } });
          }
        }
      }
    },
});

/** @throws Refusal invalid_input */
function readEndpointId(sent: string): string {
  if (ENDPOINT_ID.test(sent)) return sent;
  const detail = 'must be whe_ and 32 hexadecimal digits';
  throw new Refusal('invalid_input', { errors: [{ parameter: 'endpoint_id', code: 'pattern', detail }] });
}

/** @throws Refusal invalid_input */
function replaced(
  before: EndpointDraft,
  body: CreateBody,
  webhooks: WebhooksGroup['webhooks'],
): EndpointDraft {
  const { enabled, expires_at, signing_secret } = before;
  const checked = changeDraft({ ...emptyDraft(), enabled, expires_at, signing_secret }, body, webhooks);
  if (checked.kind === 'invalid') throw new Refusal('invalid_input', { errors: checked.errors });
  return checked.draft;
}

function differences(before: EndpointDraft, after: EndpointDraft): string[] {
  const members = Object.keys(after) as (keyof EndpointDraft)[];
  return members.filter((member) => !isDeepStrictEqual(before[member], after[member]));
}
