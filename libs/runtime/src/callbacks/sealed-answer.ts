import { createPublicKey, diffieHellman, generateKeyPairSync, hkdfSync, type KeyObject } from 'node:crypto';
import { createSecretBox, type SecretBox } from '../sealed-secrets.ts';

/*
 * An answer that nobody but the asker can read, though others hear it: both sides make a pair of keys for this one
 * exchange, agree upon a secret (X25519, RFC 7748) and derive a key of it (HKDF-SHA-256, RFC 5869).
 */

const CONTEXT = ['sealed_answer'];

/** Whoever asks. `publicKey` goes with the question: 32 bytes in base64url. */
export function createAsker(): {
  readonly publicKey: string;
  /** @throws for what was not sealed as an answer to this question */
  open(answer: { publicKey: string; sealed: string }): string;
} {
  const own = generateKeyPairSync('x25519');
  return {
    publicKey: rawOf(own.publicKey),
    open: ({ publicKey, sealed }) => boxOf(own.privateKey, publicKey).open(sealed, CONTEXT),
  };
}

/** Whoever answers. @throws for a public key that is none */
export function sealAnswer(plain: string, askerKey: string): { publicKey: string; sealed: string } {
  const own = generateKeyPairSync('x25519');
  return {
    publicKey: rawOf(own.publicKey),
    sealed: boxOf(own.privateKey, askerKey).seal(plain, CONTEXT),
  };
}

function boxOf(privateKey: KeyObject, otherKey: string): SecretBox {
  const publicKey = createPublicKey({ key: { kty: 'OKP', crv: 'X25519', x: otherKey }, format: 'jwk' });
  const secret = diffieHellman({ privateKey, publicKey });
  const key = hkdfSync('sha256', secret, '', 'errand sealed answer', 32);
  return createSecretBox(Buffer.from(key).toString('base64'));
}

function rawOf(publicKey: KeyObject): string {
  return publicKey.export({ format: 'jwk' }).x as string;
}
