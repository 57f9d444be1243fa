import type { TenantHandler } from '../../http/authenticate.ts';
import { parseBody } from '../../http/body-errors.ts';
import { type BodyLimits, readOptionalJsonObject } from '../../http/read-body.ts';
import { answer } from '../../http/respond.ts';
import type { EndpointDeps } from './endpoint-store.ts';
import { ensureJobSigner, jobSignerView, readJobSigner } from './job-signer.ts';
import { RotateBody, rotateSecret } from './rotate-secret.ts';
import { newSigningSecret } from './signing-secret.ts';

/**
 * POST …/webhooks/job/rotate-secret: another secret for the webhooks of the tenant's runs, or the first one. It is in
 * this answer and in no other, so this is also how a tenant comes by it.
 */
export function rotateJobSignerSecret(deps: EndpointDeps & BodyLimits): TenantHandler {
  return async (c, { tenantId }) => {
    const { signing_secret = newSigningSecret(), grace_s } = parseBody(
      RotateBody,
      (await readOptionalJsonObject(c, deps)).body,
    );
    await ensureJobSigner(deps, tenantId, signing_secret);
    const owner = await readJobSigner(deps.endpoints, tenantId);
    const { endpoint } = await rotateSecret(deps, owner, { signing_secret, grace_s });
    const view = jobSignerView(deps.box, endpoint, deps.now());
    return answer(c, { status: 200, body: { ...view, signing_secret } });
  };
}
