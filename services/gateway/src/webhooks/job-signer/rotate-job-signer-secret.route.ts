import { parseBody } from '../../http/body-errors.ts';
import { defineRoute } from '../../http/define-route.ts';
import { type BodyLimits, readOptionalJsonObject } from '../../http/read-body.ts';
import { answer } from '../../http/respond.ts';
import { json, jsonBody } from '../../openapi/operation.ts';
import * as parameters from '../../openapi/parameters.ts';
import { signingSecret } from '../endpoints/endpoint-answers.ts';
import type { EndpointDeps } from '../endpoints/endpoint-store.ts';
import { RotateBody, rotateSecret } from '../endpoints/secrets/rotate-secret.ts';
import { newSigningSecret } from '../endpoints/secrets/signing-secret.ts';
import { ensureJobSigner, JobSignerView, jobSignerView, readJobSigner } from './job-signer.ts';

/**
 * Another secret for the webhooks of the tenant's runs, or the first one. It is in this answer and in no other, so
 * this is also how a tenant comes by it.
 */
export const rotateJobSignerSecret = defineRoute({
  method: 'post',
  path: '/v2/tenants/{tenant_id}/webhooks/job/rotate-secret',
  key: 'tenant',
  query: 'none',
  id: 'rotateJobSignerSecret',
  tag: 'Webhooks',
  summary: "Replace the secret of runs' own webhooks",
  description: 'This is also how to come by the first one.',
  parameters: [parameters.tenantId],
  body: jsonBody(RotateBody, { required: false }),
  answers: {
    200: json('The signer, with its secret.', JobSignerView.extend({ signing_secret: signingSecret })),
  },
  problems: ['unknown_endpoint', 'too_many_secrets'],
  handle:
    (deps: EndpointDeps & BodyLimits) =>
    async (c, { tenantId }) => {
      const { signing_secret = newSigningSecret(), grace_s } = parseBody(
        RotateBody,
        (await readOptionalJsonObject(c, deps)).body,
      );
      await ensureJobSigner(deps, tenantId, signing_secret);
      const owner = await readJobSigner(deps.endpoints, tenantId);
      const { endpoint } = await rotateSecret(deps, owner, { signing_secret, grace_s });
      const view = jobSignerView(deps.box, endpoint, deps.now());
      return answer(c, { status: 200, body: { ...view, signing_secret } });
    },
});
