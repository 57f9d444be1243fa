import type { WebhookEndpoint } from '@errand/contracts';
import { z } from 'zod';
import { Refusal } from '../../../http/problem.ts';
import { named } from '../../../openapi/schemas.ts';
import { changeEndpoint, type EndpointDeps } from '../endpoint-store.ts';
import { isSigningSecretOf, sealSigningSecret } from './endpoint-secrets.ts';
import { newSigningSecret, replaceSecret, SigningSecret } from './signing-secret.ts';

const DAY_S = 86_400;

export const RotateBody = named(
  'SecretRotation',
  z.strictObject({
    /** Without one Errand makes one. */
    signing_secret: SigningSecret.optional(),
    /** For how long requests are signed with the replaced secret too. */
    grace_s: z
      .int()
      .min(0)
      .max(7 * DAY_S)
      .default(DAY_S),
  }),
);

/**
 * Gives a stored endpoint another signing secret, and resolves with it in plain text. Sent again with the secret that
 * the endpoint has, it changes nothing: the first answer may have got lost.
 * @throws Refusal unknown_endpoint, too_many_secrets
 */
export async function rotateSecret(
  { endpoints, box, now }: EndpointDeps,
  owner: Pick<WebhookEndpoint, 'tenant_id' | 'endpoint_id'>,
  { body, actor }: { body: z.infer<typeof RotateBody>; actor: string },
): Promise<{ endpoint: WebhookEndpoint; signingSecret: string }> {
  const nowMs = now();
  const signingSecret = body.signing_secret ?? newSigningSecret();
  const sealed = sealSigningSecret(box, signingSecret, owner);
  const make = (stored: WebhookEndpoint) => {
    if (isSigningSecretOf(box, signingSecret, stored)) return stored;
    const replaced = replaceSecret(stored, { sealed, graceS: body.grace_s, nowMs });
    if (replaced.kind === 'too_many') throw new Refusal('too_many_secrets');
    return replaced.endpoint;
  };
  return { endpoint: await changeEndpoint(endpoints, owner, { make, nowMs, actor }), signingSecret };
}
