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
  /** @throws when the text was sealed under another key or for another context, or was changed. */
  open(sealed: string, context: readonly string[]): string;
  /**
   * Eight hex digits by which people tell two secrets apart. Keyed, so that nobody without the key can test guesses
   * against it.
   */
  fingerprint(plain: string): string;
}

/** `keyBase64` holds 32 bytes. */
export function createSecretBox(keyBase64: string): SecretBox {
  const key = Buffer.from(keyBase64, 'base64');
  if (key.length !== 32) throw new Error('a sealing key must be 32 bytes');
  const keyId = createHash('sha256').update(key).digest('hex').slice(0, 8);
  const aad = (context: readonly string[]) => Buffer.from(JSON.stringify(context));
  return {
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
      if (sealedBy !== keyId) throw new Error(`sealed under key ${sealedBy}, this is key ${keyId}`);
      const [nonce, ciphertext, tag] = parts.map((part) => Buffer.from(part, 'base64url')) as [
        Buffer,
        Buffer,
        Buffer,
      ];
      const decipher = createDecipheriv('aes-256-gcm', key, nonce).setAAD(aad(context)).setAuthTag(tag);
      return Buffer.concat([decipher.update(ciphertext), decipher.final()]).toString('utf8');
    },
  };
}
