import type { WebhookEndpoint } from '@errand/contracts';
import type { SecretBox } from '@errand/runtime';

/** An endpoint's secrets in the clear. They live in memory only and are never logged. */
export interface OpenedSecrets {
  signingSecret: string;
  /** Those it has replaced. */
  previousSecrets: { secret: string; expiresMs: number }[];
  basicAuth: { username: string; password: string } | null;
  headers: Record<string, string>;
}

/** The endpoint's secrets do not open under this process's key. */
class SecretUnreadable extends Error {
  override name = 'SecretUnreadable';
  readonly code = 'secret_unreadable';
  readonly retryable = true;
}

/** The tenant has no record by which its jobs' webhooks are signed. */
class SecretMissing extends Error {
  override name = 'SecretMissing';
  readonly code = 'secret_missing';
  readonly retryable = true;
}

/**
 * Opens endpoints' secrets, each stored record once: an endpoint that changes is a new record.
 * The returned function throws SecretUnreadable, and SecretMissing where there is no record.
 */
export function createSecretsOpener(
  box: SecretBox,
): (endpoint: WebhookEndpoint | undefined) => OpenedSecrets {
  const opened = new WeakMap<WebhookEndpoint, OpenedSecrets>();
  return (endpoint) => {
    if (!endpoint) throw new SecretMissing('the tenant has no signing secret for the webhooks of its jobs');
    const known = opened.get(endpoint);
    if (known) return known;
    const secrets = openSecrets(box, endpoint);
    opened.set(endpoint, secrets);
    return secrets;
  };
}

function openSecrets(box: SecretBox, endpoint: WebhookEndpoint): OpenedSecrets {
  const open = (sealed: string, field: string) =>
    box.open(sealed, [endpoint.tenant_id, endpoint.endpoint_id, field]);
  const { basic_auth, secret_headers } = endpoint;
  try {
    return {
      signingSecret: open(endpoint.signing_secret, 'signing_secret'),
      previousSecrets: (endpoint.previous_signing_secrets ?? []).map(({ secret, expires_at }) => ({
        secret: open(secret, 'signing_secret'),
        expiresMs: Date.parse(expires_at),
      })),
      basicAuth: basic_auth && {
        username: basic_auth.username,
        password: open(basic_auth.password, 'basic_auth.password'),
      },
      headers: Object.fromEntries(
        Object.entries(secret_headers).map(([name, sealed]) => [
          name,
          open(sealed, `secret_headers.${name}`),
        ]),
      ),
    };
  } catch (error) {
    throw new SecretUnreadable("the endpoint's secrets cannot be decrypted", { cause: error });
  }
}
