import { createCipheriv, createDecipheriv, createHash, createHmac, randomBytes } from 'node:crypto';

/*
 * Secrets at rest, under AES-256-GCM (NIST SP 800-38D). A sealed secret is text:
 *
 *   v1.<key id>.<nonce, 12 bytes>.<ciphertext>.<tag, 16 bytes>     each part after the key id in base64url
 *
 * The context says where the secret belongs (tenant, endpoint, field). It is authenticated, so a sealed secret copied
 * elsewhere does not open.
 */

export interface SecretBox {
  seal(plain: string, context: readonly string[]): string;
  /** @throws when the text was sealed under a key that is not there or for another context, or was changed. */
  open(sealed: string, context: readonly string[]): string;
  /** Whether it was sealed under the key that seals today. */
  isCurrent(sealed: string): boolean;
  /**
   * Eight hex digits by which people tell two secrets apart. Keyed, so that nobody without the key can test guesses
   * against it.
   */
  fingerprint(plain: string): string;
}

/** Each key is 32 bytes in base64. The first one seals, and all open. */
export function createSecretBox(keyBase64: string, others: readonly string[] = []): SecretBox {
  const { key, keyId } = keyOf(keyBase64);
  const keys = new Map([...others.map(keyOf), { key, keyId }].map((each) => [each.keyId, each.key]));
  const aad = (context: readonly string[]) => Buffer.from(JSON.stringify(context));
  return {
    isCurrent: (sealed) => sealed.startsWith(`v1.${keyId}.`),
    fingerprint: (plain) => createHmac('sha256', key).update(plain).digest('hex').slice(0, 8),
    seal(plain, context) {
      const nonce = randomBytes(12);
      const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(aad(context));
      const sealed = Buffer.concat([cipher.update(plain, 'utf8'), cipher.final()]);
      const parts = [nonce, sealed, cipher.getAuthTag()].map((part) => part.toString('base64url'));
      return ['v1', keyId, ...parts].join('.');
    },
    open(sealed, context) {
      const [version, sealedBy, ...parts] = sealed.split('.');
      if (version !== 'v1' || parts.length !== 3) throw new Error('not a sealed secret');
      const opener = keys.get(sealedBy ?? '');
      if (!opener) throw new Error(`sealed under key ${sealedBy}, this is key ${keyId}`);
      const [nonce, ciphertext, tag] = parts.map((part) => Buffer.from(part, 'base64url')) as [
        Buffer,
        Buffer,
        Buffer,
      ];
      const decipher = createDecipheriv('aes-256-gcm', opener, nonce).setAAD(aad(context)).setAuthTag(tag);
      return Buffer.concat([decipher.update(ciphertext), decipher.final()]).toString('utf8');
    },
  };
}

function keyOf(base64: string): { key: Buffer; keyId: string } {
  const key = Buffer.from(base64, 'base64');
  if (key.length !== 32) throw new Error('a sealing key must be 32 bytes');
  return { key, keyId: createHash('sha256').update(key).digest('hex').slice(0, 8) };
}
