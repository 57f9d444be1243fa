import type { TenantHandler } from '../../http/authenticate.ts';
import { parseBody } from '../../http/body-errors.ts';
import { type BodyLimits, readOptionalJsonObject } from '../../http/read-body.ts';
import { answer } from '../../http/respond.ts';
import { endpointView } from './endpoint-secrets.ts';
import { type EndpointDeps, readEndpoint } from './endpoint-store.ts';
import { RotateBody, rotateSecret } from './rotate-secret.ts';

/** POST …/webhooks/{endpoint_id}/rotate-secret: another signing secret, which is in this answer and in no later one. */
export function rotateWebhookSecret(deps: EndpointDeps & BodyLimits): TenantHandler {
  return async (c, { tenantId }) => {
    const known = await readEndpoint(deps.endpoints, tenantId, c.req.param('endpoint_id') ?? '');
    const body = parseBody(RotateBody, (await readOptionalJsonObject(c, deps)).body);
    const { endpoint, signingSecret } = await rotateSecret(deps, known, body);
    const view = endpointView(deps.box, endpoint, deps.now());
    return answer(c, { status: 200, body: { ...view, signing_secret: signingSecret } });
  };
}
