import {
  Instant,
  JOB_WEBHOOKS_RECORD,
  TenantId,
  WEBHOOK_EVENT_TYPES,
  type WebhookEndpoint,
} from '@errand/contracts';
import type { SecretBox } from '@errand/runtime';
import { z } from 'zod';
import { Refusal } from '../../http/problem.ts';
import { named } from '../../openapi/schemas.ts';
import { type EndpointBucket, type EndpointDeps, endpointKey } from '../endpoints/endpoint-store.ts';
import { SignerView, sealSigningSecret, signerView } from '../endpoints/secrets/endpoint-secrets.ts';
import { newSigningSecret } from '../endpoints/secrets/signing-secret.ts';

/*
 * A tenant's signer of the webhooks that its runs ask for. It is stored as an endpoint of its own, of which only the
 * signing secrets mean something: it is paused, calls nobody and is listed nowhere.
 */

/** A tenant's signer. @throws Refusal unknown_endpoint before there is one, LogUnavailable */
export async function readJobSigner(endpoints: EndpointBucket, tenantId: string): Promise<WebhookEndpoint> {
  const key = endpointKey(tenantId, JOB_WEBHOOKS_RECORD);
  const signer = endpoints.peek(key) ?? (await endpoints.get(key));
  if (!signer) throw new Refusal('unknown_endpoint');
  return signer;
}

/**
 * Makes sure that a tenant has a signer, with the given secret if it had none. Of several gateways that find none, one
 * makes it.
 * @throws LogUnavailable
 */
export async function ensureJobSigner(
  { endpoints, box, now }: EndpointDeps,
  { tenantId, actor }: { tenantId: string; actor: string },
  signingSecret = newSigningSecret(),
): Promise<void> {
  const key = endpointKey(tenantId, JOB_WEBHOOKS_RECORD);
  if (endpoints.peek(key)) return;
  const owner = { tenant_id: tenantId, endpoint_id: JOB_WEBHOOKS_RECORD };
  const at = new Date(now()).toISOString();
  await endpoints.by(actor).create(key, {
    ...owner,
    url: 'https://job.invalid/',
    method: 'POST',
    description: '',
    enabled: false,
    event_types: [...WEBHOOK_EVENT_TYPES],
    signing_secret: sealSigningSecret(box, signingSecret, owner),
    basic_auth: null,
    secret_headers: {},
    created_at: at,
    updated_at: at,
  });
}

export const JobSignerView = named(
  'JobWebhookSigner',
  z.object({
    tenant_id: TenantId,
    ...SignerView.shape,
    created_at: Instant,
    updated_at: Instant,
  }),
);

/** A tenant's signer as callers read it. */
export function jobSignerView(
  box: SecretBox,
  signer: WebhookEndpoint,
  nowMs: number,
): z.infer<typeof JobSignerView> {
  const { tenant_id, created_at, updated_at } = signer;
  return { tenant_id, ...signerView(box, signer, nowMs), created_at, updated_at };
}
