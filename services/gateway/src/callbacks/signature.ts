import { createHmac, timingSafeEqual } from 'node:crypto';
import type { CallbackTerms } from '@errand/contracts';

/**
 * Whether a header has the HMAC-SHA-256 of what was sent, in hex or base64, with or without `sha256=` before it. The body
 * is what was sent; of a GET, its query without the question mark.
 */
export function isSigned(
  { header, hmac_sha256: secret }: NonNullable<CallbackTerms['verify']>,
  { headers, bytes }: { headers: Headers; bytes: Uint8Array },
): boolean {
  const sent = (headers.get(header) ?? '').trim().replace(/^sha256=/i, '');
  const given = Buffer.from(sent, /^[0-9a-f]{64}$/i.test(sent) ? 'hex' : 'base64');
  const expected = createHmac('sha256', secret).update(bytes).digest();
  return given.length === expected.length && timingSafeEqual(given, expected);
}
