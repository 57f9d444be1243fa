import { type InputError, WEBHOOK_EVENT_TYPES, type WebhookEndpoint } from '@errand/contracts';
import type { ActionCatalogue } from '../../actions/action-catalogue.ts';
import { Refusal } from '../../http/problem.ts';
import type { WebhooksGroup } from '../webhooks-group.ts';
import type { EndpointDraft } from './endpoint-draft.ts';
import { endpointsOf } from './endpoint-store.ts';
import { sealDraft } from './secrets/endpoint-secrets.ts';
import { newSigningSecret } from './secrets/signing-secret.ts';

/**
 * An endpoint that waits for an action that nobody has announced, as where its name is misspelt, would hear of nothing.
 * @throws Refusal invalid_input
 */
export async function refuseUnknownActions(
  catalogue: Pick<ActionCatalogue, 'find'>,
  { actions }: { actions?: readonly string[] | null | undefined },
): Promise<void> {
  const known = await Promise.all((actions ?? []).map((name) => catalogue.find(name)));
  const errors = known.flatMap((entry, index): InputError[] =>
    entry
      ? []
      : [{ pointer: `#/actions/${index}`, code: 'unknown_action', detail: 'there is no such action' }],
  );
  if (errors.length > 0) throw new Refusal('invalid_input', { errors });
}

/**
 * An endpoint as it is stored, which the caller has to do.
 * @throws Refusal too_many_endpoints; LogUnavailable
 */
export async function newEndpoint(
  webhooks: WebhooksGroup['webhooks'],
  draft: EndpointDraft,
  { tenantId, endpointId }: { tenantId: string; endpointId: string },
): Promise<WebhookEndpoint> {
  await webhooks.endpoints.dropExpired(tenantId);
  const most = webhooks.endpointsOf(tenantId);
  if (endpointsOf(webhooks.endpoints, tenantId).length >= most) {
    throw new Refusal('too_many_endpoints', { detail: `The tenant may have ${most} webhook endpoints.` });
  }
  const at = new Date(webhooks.now()).toISOString();
  // Read before the record is written, or an ending might come between and be told to nobody.
  const { lastVersion: hears_after } = await webhooks.bus.jobs.reach();
  const owner = {
    tenant_id: tenantId,
    endpoint_id: endpointId,
    created_at: at,
    updated_at: at,
    hears_after,
  };
  return sealDraft(webhooks.box, draft, owner);
}

/** What an endpoint is by default, with a signing secret of its own. */
export function emptyDraft(): EndpointDraft {
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
