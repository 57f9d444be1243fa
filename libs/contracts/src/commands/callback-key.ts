import { z } from 'zod';

/*
 * An executor asks gateways for the key of its action's callbacks, on the subject of that action. Executors of other
 * actions may listen where the answer goes, so it is sealed for whoever has asked: under a key that both sides agree upon
 * by X25519.
 */

/** Public keys are raw, in base64url. */
const PublicKey = z.string().regex(/^[\w-]{43}$/);

export const CallbackKeyRequest = z.object({ public_key: PublicKey });
export type CallbackKeyRequest = z.infer<typeof CallbackKeyRequest>;

export const CallbackKeyAnswer = z.object({
  public_key: PublicKey,
  /** CallbackKey as JSON, sealed. */
  sealed: z.string(),
});
export type CallbackKeyAnswer = z.infer<typeof CallbackKeyAnswer>;

/** What an executor needs to make callback URLs. */
export const CallbackKey = z.object({
  /** 32 bytes in base64. */
  key: z.string(),
  /** What callback URLs begin with: `https://errand.example.com/callbacks/`. */
  base_url: z.string(),
});
export type CallbackKey = z.infer<typeof CallbackKey>;
