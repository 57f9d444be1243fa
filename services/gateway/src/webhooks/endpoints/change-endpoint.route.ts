import type { WebhookEndpoint } from '@errand/contracts';
import type { TenantHandler } from '../../http/authenticate.ts';
import { parseBody } from '../../http/body-errors.ts';
import { Refusal } from '../../http/problem.ts';
import { readJsonObject } from '../../http/read-body.ts';
import { answer } from '../../http/respond.ts';
import { refuseUnknownActions, type WriteWebhookDeps } from './create-endpoint.route.ts';
import { ChangeBody, changeDraft } from './endpoint-draft.ts';
import { endpointView, openEndpoint, sealDraft } from './endpoint-secrets.ts';
import { changeEndpoint, readEndpoint } from './endpoint-store.ts';

/**
 * PATCH …/webhooks/{endpoint_id}: changes the members that are sent and no others, however many do so at once. Another
 * signing secret is in force at once, and the one before it no longer.
 */
export function changeWebhook(deps: WriteWebhookDeps): TenantHandler {
  return async (c, { tenantId }) => {
    const known = await readEndpoint(deps.endpoints, tenantId, c.req.param('endpoint_id') ?? '');
    const body = parseBody(ChangeBody, (await readJsonObject(c, deps)).body);
    await refuseUnknownActions(deps, body);
    const nowMs = deps.now();
    const make = (stored: WebhookEndpoint) => {
      const checked = changeDraft(openEndpoint(deps.box, stored), body, deps);
      if (checked.kind === 'invalid') throw new Refusal('invalid_input', { errors: checked.errors });
      return sealDraft(deps.box, checked.draft, stored);
    };
    const endpoint = await changeEndpoint(deps.endpoints, known, { make, nowMs });
    return answer(c, { status: 200, body: endpointView(deps.box, endpoint, nowMs) });
  };
}
