import { createHmac, timingSafeEqual } from 'node:crypto';
import type { ReceivedCall } from './call-receiver.ts';

/** How old or how far ahead a signature may be, in seconds: the tolerance that Standard Webhooks suggests. */
const TOLERANCE_S = 300;

/**
 * Whether a call is signed with the secret `whsec_…`, as Standard Webhooks 1.0 says: HMAC-SHA256 over
 * `<webhook-id>.<webhook-timestamp>.<body>`, keyed with the bytes behind the prefix; `webhook-signature` is a list
 * of `v1,<base64>`, of which one has to match. `nowS` is Unix time.
 */
export function isSignedWith(call: ReceivedCall, signingSecret: string, nowS: number): boolean {
  const id = call.headers['webhook-id'];
  const timestamp = call.headers['webhook-timestamp'];
  const signatures = call.headers['webhook-signature'];
  if (typeof id !== 'string' || typeof timestamp !== 'string' || typeof signatures !== 'string') return false;
  if (!(Math.abs(nowS - Number(timestamp)) <= TOLERANCE_S)) return false;
  const key = Buffer.from(signingSecret.replace(/^whsec_/, ''), 'base64');
  const expected = createHmac('sha256', key).update(`${id}.${timestamp}.${call.body}`).digest();
  return signatures.split(' ').some((signature) => {
    const [version, encoded = ''] = signature.split(',');
    const given = Buffer.from(encoded, 'base64');
    return version === 'v1' && given.length === expected.length && timingSafeEqual(given, expected);
  });
}

/** The header that carries a name and a password (RFC 7617). */
export function basicAuthorization({ username, password }: { username: string; password: string }): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}

/** The first characters of a secret, enough to recognise it. */
export function redact(secret: string): string {
  return secret.length <= 8 ? '…' : `${secret.slice(0, 8)}…`;
}
