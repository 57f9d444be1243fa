import { hash, timingSafeEqual } from 'node:crypto';
import { JobId, KEY_SCOPES } from '@errand/contracts';
import type { SecretBox } from '@errand/runtime';
import { z } from 'zod';
import type { Person } from './person.ts';

/*
 * What a request brings to say who asks: the admin key, a tenant's key, or a child token, which a key has made of itself
 * for less and for a while. A child token is stored nowhere: it is what it may do, sealed.
 */

export interface Token {
  /**
   * `admin`, or SHA-256 of the tenant's key in hex; of a child token, its parent's. Of a person who is no admin, the
   * person's id.
   */
  readonly keyId: string;
  /** What a child token is for. */
  readonly child?: ChildToken;
  /** Who is behind it in place of a key. */
  readonly person?: Person;
  /** The console's session that it is of, and when that ends: Unix milliseconds. */
  readonly session?: { readonly id: string; readonly endsMs: number };
}

export type ChildToken = z.infer<typeof ChildToken>;
export const ChildToken = z.object({
  scopes: z.array(z.enum(KEY_SCOPES)),
  /** Unix milliseconds. */
  ends_ms: z.int(),
  /** The only job that it is for; absent: all that its parent is for. */
  job_id: JobId.optional(),
  /** The portal session that it is of, which must be there and may say less. */
  portal_id: z.string().optional(),
});
const Sealed = ChildToken.extend({ parent: z.string() });

export interface Tokens {
  /** The token of an Authorization header, whether or not it is valid; undefined without one. */
  read(authorization: string | null | undefined): Token | undefined;
  makeChild(parentId: string, child: ChildToken): string;
}

/** What the admin key goes by. */
export const ADMIN = 'admin';
const BEARER = /^Bearer +([\x21-\x7e]{1,1024})$/i;
const CHILD = 'errand_child.';
const CONTEXT = ['child_token'];
const MOST_KNOWN = 1_000;

/** Only hashes of keys are ever compared or looked up. */
export function createTokens({ adminKeys, box }: { adminKeys: readonly string[]; box: SecretBox }): Tokens {
  const adminDigests = adminKeys.map((key) => hash('sha256', key, 'buffer'));
  /** By headers: callers send the same ones again and again. */
  const known = new Map<string, Token | undefined>();

  function read(authorization: string): Token | undefined {
    const token = BEARER.exec(authorization)?.[1];
    if (token === undefined) return undefined;
    const child = token.startsWith(CHILD) ? open(token.slice(CHILD.length)) : undefined;
    if (child) return child;
    const digest = hash('sha256', token, 'buffer');
    const isAdmin = adminDigests.some((each) => timingSafeEqual(digest, each));
    return { keyId: isAdmin ? ADMIN : digest.toString('hex') };
  }

  function open(sealed: string): Token | undefined {
    try {
      const { parent, ...child } = Sealed.parse(JSON.parse(box.open(sealed, CONTEXT)));
      return { keyId: parent, child };
    } catch {
      return undefined;
    }
  }

  return {
    read(authorization) {
      if (!authorization) return undefined;
      const cached = known.get(authorization);
      if (cached) return cached;
      if (known.size >= MOST_KNOWN) known.clear();
      const token = read(authorization);
      known.set(authorization, token);
      return token;
    },
    makeChild: (parent, child) => CHILD + box.seal(JSON.stringify({ parent, ...child }), CONTEXT),
  };
}
