import { Instant, TenantId, WebhookEndpoint } from '@errand/contracts';
import type { SecretBox } from '@errand/runtime';
import { z } from 'zod';
import { named } from '../../../openapi/schemas.ts';
import type { EndpointDraft } from '../endpoint-draft.ts';
import { livePrevious } from './signing-secret.ts';

/*
 * Each secret is sealed for the very place at which it is stored. The service that calls the endpoints opens them
 * with the same contexts: tenant, endpoint, then `signing_secret`, `basic_auth.password` or
 * `secret_headers.<lower-case name>`.
 */

type Owner = Pick<WebhookEndpoint, 'tenant_id' | 'endpoint_id'>;

/** The stored form of a draft. What a draft does not speak of, such as secrets that were replaced, stays the owner's. */
export function sealDraft(
  box: SecretBox,
  draft: EndpointDraft,
  owner: Owner &
    Pick<WebhookEndpoint, 'created_at' | 'updated_at' | 'previous_signing_secrets' | 'hears_after'>,
): WebhookEndpoint {
  const seal = (plain: string, field: string) => box.seal(plain, contextOf(owner, field));
  const { basic_auth, actions, metadata, include, max_rps, max_concurrency, expires_at } = draft;
  const { previous_signing_secrets, hears_after } = owner;
  return {
    endpoint_id: owner.endpoint_id,
    tenant_id: owner.tenant_id,
    url: draft.url,
    method: draft.method,
    description: draft.description,
    enabled: draft.enabled,
    event_types: draft.event_types,
    ...(actions === null ? {} : { actions }),
    ...(metadata === null ? {} : { metadata }),
    ...(include === null ? {} : { include }),
    ...(max_rps === null ? {} : { max_rps }),
    ...(max_concurrency === null ? {} : { max_concurrency }),
    ...(expires_at === null ? {} : { expires_at }),
    ...(previous_signing_secrets === undefined ? {} : { previous_signing_secrets }),
    signing_secret: seal(draft.signing_secret, 'signing_secret'),
    basic_auth: basic_auth && {
      username: basic_auth.username,
      password: seal(basic_auth.password, 'basic_auth.password'),
    },
    secret_headers: Object.fromEntries(
      Object.entries(draft.secret_headers).map(([name, value]) => [
        name,
        seal(value, `secret_headers.${name}`),
      ]),
    ),
    created_at: owner.created_at,
    updated_at: owner.updated_at,
    ...(hears_after === undefined ? {} : { hears_after }),
  };
}

/** @throws when a secret was sealed under another key. */
export function openEndpoint(box: SecretBox, endpoint: WebhookEndpoint): EndpointDraft {
  const open = (sealed: string, field: string) => box.open(sealed, contextOf(endpoint, field));
  const { url, method, description, enabled, event_types, basic_auth } = endpoint;
  return {
    url,
    method,
    description,
    enabled,
    event_types,
    actions: endpoint.actions ?? null,
    metadata: endpoint.metadata ?? null,
    include: endpoint.include ?? null,
    max_rps: endpoint.max_rps ?? null,
    max_concurrency: endpoint.max_concurrency ?? null,
    expires_at: endpoint.expires_at ?? null,
    signing_secret: open(endpoint.signing_secret, 'signing_secret'),
    basic_auth: basic_auth && {
      username: basic_auth.username,
      password: open(basic_auth.password, 'basic_auth.password'),
    },
    secret_headers: Object.fromEntries(
      Object.entries(endpoint.secret_headers).map(([name, sealed]) => [
        name,
        open(sealed, `secret_headers.${name}`),
      ]),
    ),
  };
}

const Fingerprint = z.string().nullable().meta({ description: 'Null for a secret that cannot be opened.' });

/** What callers read of signing secrets. */
export const SignerView = z.object({
  signing_secret_fingerprint: Fingerprint,
  previous_signing_secrets: z.array(z.object({ fingerprint: Fingerprint, expires_at: Instant })),
});

const stored = WebhookEndpoint.shape;
export const EndpointView = named(
  'WebhookEndpoint',
  z.object({
    endpoint_id: z.string(),
    tenant_id: TenantId,
    url: z.string(),
    method: stored.method,
    description: stored.description,
    enabled: stored.enabled,
    event_types: stored.event_types,
    actions: stored.actions.unwrap().nullable(),
    metadata: stored.metadata.unwrap().nullable(),
    include: stored.include.unwrap().nullable(),
    max_rps: stored.max_rps.unwrap().nullable(),
    max_concurrency: stored.max_concurrency.unwrap().nullable(),
    expires_at: Instant.nullable(),
    basic_auth: z.object({ username: z.string(), password_fingerprint: Fingerprint }).nullable(),
    secret_headers: z.array(z.object({ name: z.string(), fingerprint: Fingerprint })),
    ...SignerView.shape,
    created_at: Instant,
    updated_at: Instant,
  }),
);

export const signingSecret = z.string().meta({ description: 'In this answer and in no later one.' });

export const EndpointWithSecret = named(
  'WebhookEndpointWithSecret',
  EndpointView.extend({ signing_secret: signingSecret }),
);

/** An endpoint as callers read it: of each secret a fingerprint only, null for one that does not open. */
export function endpointView(
  box: SecretBox,
  endpoint: WebhookEndpoint,
  nowMs: number,
): z.infer<typeof EndpointView> {
  const { basic_auth, secret_headers } = endpoint;
  const fingerprint = createFingerprint(box, endpoint);
  return {
    endpoint_id: endpoint.endpoint_id,
    tenant_id: endpoint.tenant_id,
    url: endpoint.url,
    method: endpoint.method,
    description: endpoint.description,
    enabled: endpoint.enabled,
    event_types: endpoint.event_types,
    actions: endpoint.actions ?? null,
    metadata: endpoint.metadata ?? null,
    include: endpoint.include ?? null,
    max_rps: endpoint.max_rps ?? null,
    max_concurrency: endpoint.max_concurrency ?? null,
    expires_at: endpoint.expires_at ?? null,
    basic_auth: basic_auth && {
      username: basic_auth.username,
      password_fingerprint: fingerprint(basic_auth.password, 'basic_auth.password'),
    },
    secret_headers: Object.entries(secret_headers).map(([name, sealed]) => ({
      name,
      fingerprint: fingerprint(sealed, `secret_headers.${name}`),
    })),
    ...signerView(box, endpoint, nowMs),
    created_at: endpoint.created_at,
    updated_at: endpoint.updated_at,
  };
}

/** What callers read of the secrets that an endpoint's requests are signed with. */
export function signerView(
  box: SecretBox,
  endpoint: WebhookEndpoint,
  nowMs: number,
): z.infer<typeof SignerView> {
  const fingerprint = createFingerprint(box, endpoint);
  return {
    signing_secret_fingerprint: fingerprint(endpoint.signing_secret, 'signing_secret'),
    previous_signing_secrets: livePrevious(endpoint, nowMs).map(({ secret, expires_at }) => ({
      fingerprint: fingerprint(secret, 'signing_secret'),
      expires_at,
    })),
  };
}

function createFingerprint(box: SecretBox, owner: Owner) {
  return (sealed: string, field: string): string | null => {
    try {
      return box.fingerprint(box.open(sealed, contextOf(owner, field)));
    } catch {
      return null;
    }
  };
}

/** A signing secret, sealed for its endpoint. */
export function sealSigningSecret(box: SecretBox, plain: string, owner: Owner): string {
  return box.seal(plain, contextOf(owner, 'signing_secret'));
}

/** Whether an endpoint's own signing secret is this one. */
export function isSigningSecretOf(box: SecretBox, plain: string, endpoint: WebhookEndpoint): boolean {
  return box.open(endpoint.signing_secret, contextOf(endpoint, 'signing_secret')) === plain;
}

export function contextOf(owner: Owner, field: string): string[] {
  return [owner.tenant_id, owner.endpoint_id, field];
}
