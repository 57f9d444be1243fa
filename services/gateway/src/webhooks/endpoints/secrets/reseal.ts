import type { WebhookEndpoint } from '@errand/contracts';
import type { SecretBox } from '@errand/runtime';
import { changeEndpoint, type EndpointDeps } from '../endpoint-store.ts';
import { contextOf } from './endpoint-secrets.ts';

export interface Resealed {
  /** Endpoints whose secrets are under the first key now, and were not. */
  readonly resealed: number;
  /** That are still to be done. */
  readonly left: number;
  /** Some of those that no key opens, at most 20, as `<tenant_id>.<endpoint_id>`. */
  readonly unreadable: string[];
}

const SHOWN = 20;

/** Seals secrets that were sealed under other keys under the first one, of so many endpoints. @throws LogUnavailable */
export async function resealSome(
  { endpoints, box, now }: EndpointDeps,
  { most, actor }: { most: number; actor: string },
): Promise<Resealed> {
  const unreadable: string[] = [];
  const old = [...endpoints.entries()].filter(([, endpoint]) => !isCurrent(box, endpoint));
  let left = old.length;
  let resealed = 0;
  for (const [key, endpoint] of old) {
    if (resealed >= most) break;
    left--;
    if (!opens(box, endpoint)) unreadable.push(key);
    else if (await isChanged(endpoint)) resealed++;
  }
  return { resealed, left, unreadable: unreadable.slice(0, SHOWN) };

  /** False for one that is gone meanwhile. */
  async function isChanged(endpoint: WebhookEndpoint): Promise<boolean> {
    const make = (stored: WebhookEndpoint) => (isCurrent(box, stored) ? stored : resealedOf(box, stored));
    try {
      await changeEndpoint(endpoints, endpoint, { make, nowMs: now(), actor });
      return true;
    } catch (error) {
      if (isGone(error)) return false;
      throw error;
    }
  }
}

function isGone(error: unknown): boolean {
  return (error as { code?: unknown }).code === 'unknown_endpoint';
}

function sealedOf({
  signing_secret,
  previous_signing_secrets = [],
  basic_auth,
  secret_headers,
}: WebhookEndpoint) {
  return [
    signing_secret,
    ...previous_signing_secrets.map(({ secret }) => secret),
    ...(basic_auth ? [basic_auth.password] : []),
    ...Object.values(secret_headers),
  ];
}

function isCurrent(box: SecretBox, endpoint: WebhookEndpoint): boolean {
  return sealedOf(endpoint).every(box.isCurrent);
}

function opens(box: SecretBox, endpoint: WebhookEndpoint): boolean {
  try {
    resealedOf(box, endpoint);
    return true;
  } catch {
    return false;
  }
}

/** @throws where a secret does not open */
function resealedOf(box: SecretBox, endpoint: WebhookEndpoint): WebhookEndpoint {
  const again = (sealed: string, field: string) => {
    const context = contextOf(endpoint, field);
    return box.seal(box.open(sealed, context), context);
  };
  const { previous_signing_secrets: previous, basic_auth, secret_headers } = endpoint;
  return {
    ...endpoint,
    signing_secret: again(endpoint.signing_secret, 'signing_secret'),
    ...(previous && {
      previous_signing_secrets: previous.map(({ secret, expires_at }) => ({
        secret: again(secret, 'signing_secret'),
        expires_at,
      })),
    }),
    basic_auth: basic_auth && {
      username: basic_auth.username,
      password: again(basic_auth.password, 'basic_auth.password'),
    },
    secret_headers: Object.fromEntries(
      Object.entries(secret_headers).map(([name, sealed]) => [name, again(sealed, `secret_headers.${name}`)]),
    ),
  };
}
