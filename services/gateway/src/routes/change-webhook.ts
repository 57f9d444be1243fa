import { answer } from '../answer.ts';
import { parseBody } from '../body-errors.ts';
import type { TenantHandler } from '../middleware/authenticate.ts';
import { readJsonObject } from '../middleware/read-json.ts';
import { Refusal } from '../problem.ts';
import { ChangeBody, changeDraft } from '../webhooks/endpoint-draft.ts';
import { endpointView, openEndpoint, sealDraft } from '../webhooks/endpoint-secrets.ts';
import { endpointKey, readEndpoint } from '../webhooks/endpoint-store.ts';
import type { WriteWebhookDeps } from './create-webhook.ts';

/** PATCH …/webhooks/{endpoint_id}: changes the members that are sent. Of two at once the later one wins. */
export function changeWebhook(deps: WriteWebhookDeps): TenantHandler {
  return async (c, { tenantId }) => {
    const endpointId = c.req.param('endpoint_id') ?? '';
    await readEndpoint(deps.endpoints, tenantId, endpointId);
    const body = parseBody(ChangeBody, (await readJsonObject(c, deps)).body);
    const stored = await readEndpoint(deps.endpoints, tenantId, endpointId);
    const checked = changeDraft(openEndpoint(deps.box, stored), body, deps);
    if (checked.kind === 'invalid') throw new Refusal('invalid_input', { errors: checked.errors });
    // Readers tell versions of an endpoint apart by this time, so it never stands still.
    const updatedAtMs = Math.max(deps.now(), Date.parse(stored.updated_at) + 1);
    const endpoint = sealDraft(deps.box, checked.draft, {
      ...stored,
      updated_at: new Date(updatedAtMs).toISOString(),
    });
    await deps.endpoints.put(endpointKey(tenantId, endpointId), endpoint);
    return answer(c, { status: 200, body: endpointView(deps.box, endpoint) });
  };
}
