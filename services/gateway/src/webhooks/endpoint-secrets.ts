import type { WebhookEndpoint } from '@errand/contracts';
import type { SecretBox } from '@errand/runtime';
import type { EndpointDraft } from './endpoint-draft.ts';

/*
 * Each secret is sealed for the very place at which it is stored. The service that calls the endpoints opens them
 * with the same contexts: tenant, endpoint, then `signing_secret`, `basic_auth.password` or
 * `secret_headers.<lower-case name>`.
 */

type Owner = Pick<WebhookEndpoint, 'tenant_id' | 'endpoint_id'>;

/** The stored form of a draft. */
export function sealDraft(
  box: SecretBox,
  draft: EndpointDraft,
  owner: Owner & Pick<WebhookEndpoint, 'created_at' | 'updated_at'>,
): WebhookEndpoint {
  const seal = (plain: string, field: string) => box.seal(plain, contextOf(owner, field));
  const { basic_auth } = draft;
  return {
    endpoint_id: owner.endpoint_id,
    tenant_id: owner.tenant_id,
    url: draft.url,
    method: draft.method,
    description: draft.description,
    enabled: draft.enabled,
    event_types: draft.event_types,
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
  };
}

/** @throws when a secret was sealed under another key. */
export function openEndpoint(box: SecretBox, endpoint: WebhookEndpoint): EndpointDraft {
  const open = (sealed: string, field: string) => box.open(sealed, contextOf(endpoint, field));
  const { url, method, description, enabled, event_types, basic_auth } = endpoint;
  return {
    ...{ url, method, description, enabled, event_types },
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

/** An endpoint as callers read it: of each secret a fingerprint only, null for one that does not open. */
export function endpointView(box: SecretBox, endpoint: WebhookEndpoint) {
  const { signing_secret, basic_auth, secret_headers, ...open } = endpoint;
  const fingerprint = (sealed: string, field: string) => {
    try {
      return box.fingerprint(box.open(sealed, contextOf(endpoint, field)));
    } catch {
      return null;
    }
  };
  return {
    ...open,
    signing_secret_fingerprint: fingerprint(signing_secret, 'signing_secret'),
    basic_auth: basic_auth && {
      username: basic_auth.username,
      password_fingerprint: fingerprint(basic_auth.password, 'basic_auth.password'),
    },
    secret_headers: Object.entries(secret_headers).map(([name, sealed]) => ({
      name,
      fingerprint: fingerprint(sealed, `secret_headers.${name}`),
    })),
  };
}

function contextOf(owner: Owner, field: string): string[] {
  return [owner.tenant_id, owner.endpoint_id, field];
}
