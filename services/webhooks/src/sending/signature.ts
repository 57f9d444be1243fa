import { createHmac } from 'node:crypto';

const PREFIX = 'whsec_';

/**
 * The `webhook-signature` of a request, as any Standard Webhooks library verifies it
 * (github.com/standard-webhooks/standard-webhooks, v1): HMAC-SHA256 over `<id>.<timestamp>.<body>` under the bytes
 * that `secret` holds in base64 behind its `whsec_`.
 */
export function signatureOf(
  secret: string,
  signed: { id: string; timestampS: number; body: string },
): string {
  const encoded = secret.startsWith(PREFIX) ? secret.slice(PREFIX.length) : secret;
  const mac = createHmac('sha256', Buffer.from(encoded, 'base64'));
  mac.update(`${signed.id}.${signed.timestampS}.${signed.body}`);
  return `v1,${mac.digest('base64')}`;
}
