import { randomBytes } from 'node:crypto';
import type { WebhookEndpoint } from '@errand/contracts';
import { z } from 'zod';

/** A secret of Standard Webhooks: `whsec_` and a key of 24 to 64 bytes in base64. */
export const SigningSecret = z
  .string()
  .refine(isSigningSecret, 'must be whsec_ followed by 24-64 bytes in base64');

export function newSigningSecret(): string {
  return `whsec_${randomBytes(32).toString('base64')}`;
}

function isSigningSecret(text: string): boolean {
  const base64 = /^whsec_(.+)$/.exec(text)?.[1] ?? '';
  const key = Buffer.from(base64, 'base64');
  return key.length >= 24 && key.length <= 64 && key.toString('base64') === base64;
}

type PreviousSecrets = NonNullable<WebhookEndpoint['previous_signing_secrets']>;

/** Those that requests are still signed with beside the endpoint's own. */
export function livePrevious(
  { previous_signing_secrets = [] }: Pick<WebhookEndpoint, 'previous_signing_secrets'>,
  nowMs: number,
): PreviousSecrets {
  return previous_signing_secrets.filter(({ expires_at }) => Date.parse(expires_at) > nowMs);
}

const MAX_PREVIOUS = 3;

/**
 * Puts another sealed secret in the place of an endpoint's own, which stays valid for a while. Both are sealed for the
 * same place, so the old one moves as it is. `too_many`: three that were replaced are still valid.
 */
export function replaceSecret(
  endpoint: WebhookEndpoint,
  replacement: { sealed: string; graceS: number; nowMs: number },
): { kind: 'replaced'; endpoint: WebhookEndpoint } | { kind: 'too_many' } {
  const { sealed, graceS, nowMs } = replacement;
  const { previous_signing_secrets: _, ...kept } = endpoint;
  const previous = livePrevious(endpoint, nowMs);
  if (graceS > 0) {
    const expiresAt = new Date(nowMs + graceS * 1_000).toISOString();
    previous.unshift({ secret: endpoint.signing_secret, expires_at: expiresAt });
  }
  if (previous.length > MAX_PREVIOUS) return { kind: 'too_many' };
  return {
    kind: 'replaced',
    endpoint: {
      ...kept,
      signing_secret: sealed,
      ...(previous.length > 0 ? { previous_signing_secrets: previous } : {}),
    },
  };
}
