import { parseBody } from '../../http/body-errors.ts';
import { defineRoute } from '../../http/define-route.ts';
import { type HttpGroup, readOptionalJsonObject } from '../../http/read-body.ts';
import { answer } from '../../http/respond.ts';
import { json, jsonBody } from '../../openapi/operation.ts';
import * as parameters from '../../openapi/parameters.ts';
import { signingSecret } from '../endpoints/secrets/endpoint-secrets.ts';
import { RotateBody, rotateSecret } from '../endpoints/secrets/rotate-secret.ts';
import { newSigningSecret } from '../endpoints/secrets/signing-secret.ts';
import type { WebhooksGroup } from '../webhooks-group.ts';
import { ensureJobSigner, JobSignerView, jobSignerView, readJobSigner } from './job-signer.ts';

/** What the webhooks of the tenant's runs are signed with, by fingerprint. */
export const getJobSigner = defineRoute({
  method: 'get',
  path: '/v2/tenants/{tenant_id}/webhooks/job',
  key: 'tenant',
  scope: 'webhooks:read',
  query: 'none',
  id: 'getJobSigner',
  tag: 'Webhooks',
  summary: "What signs runs' own webhooks",
  description: 'By fingerprint. There is none before the first such run or rotation.',
  parameters: [parameters.tenantId],
  answers: { 200: json('The signer.', JobSignerView) },
  problems: ['unknown_endpoint'],
  handle:
    ({ webhooks: { endpoints, box, now } }: WebhooksGroup) =>
    async (c, { tenantId }) => {
      const signer = await readJobSigner(endpoints, tenantId);
      return answer(c, { status: 200, body: jobSignerView(box, signer, now()) });
    },
});

/**
 * Another secret for the webhooks of the tenant's runs, or the first one. It is in this answer and in no other, so
 * this is also how a tenant comes by it.
 */
export const rotateJobSignerSecret = defineRoute({
  method: 'post',
  path: '/v2/tenants/{tenant_id}/webhooks/job/rotate-secret',
  key: 'tenant',
  scope: 'webhooks:write',
  query: 'none',
  changes: 'limited',
  id: 'rotateJobSignerSecret',
  tag: 'Webhooks',
  summary: "Replace the secret of runs' own webhooks",
  description: 'This is also how to come by the first one.',
  parameters: [parameters.tenantId],
  body: jsonBody(RotateBody, { required: false }),
  answers: {
    200: json('The signer, with its secret.', JobSignerView.extend({ signing_secret: signingSecret })),
  },
  problems: ['unknown_endpoint', 'too_many_secrets', 'too_many_changes'],
  handle:
    ({ http, webhooks }: HttpGroup & WebhooksGroup) =>
    async (c, { tenantId, actor }) => {
      const { signing_secret = newSigningSecret(), grace_s } = parseBody(
        RotateBody,
        (await readOptionalJsonObject(c, http)).body,
      );
      await ensureJobSigner(webhooks, { tenantId, actor }, signing_secret);
      const owner = await readJobSigner(webhooks.endpoints, tenantId);
      const { endpoint } = await rotateSecret(webhooks, owner, { body: { signing_secret, grace_s }, actor });
      const view = jobSignerView(webhooks.box, endpoint, webhooks.now());
      return answer(c, { status: 200, body: { ...view, signing_secret } });
    },
});
