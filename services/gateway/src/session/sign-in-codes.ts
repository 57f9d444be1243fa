import { hash, randomUUID } from 'node:crypto';
import type { Bucket } from '@errand/bus';
import type { SecretBox } from '@errand/runtime';
import { z } from 'zod';
import type { SpentToken } from './spent-token.ts';

/*
 * A sign-in code is a link's worth of trust: it begins one session of the admin key, once and soon. It is stored
 * nowhere; what is stored is that it was used.
 */

export interface SignInCodes {
  make(lifeMs: number): { code: string; endsMs: number };
  /** Whether the code begins a session: true once. @throws LogUnavailable */
  use(code: string): Promise<boolean>;
}

const Sealed = z.object({ id: z.string(), ends_ms: z.int() });
const CONTEXT = ['sign_in_code'];

/** `now`: Unix milliseconds. `spent`: by ids. */
export function createSignInCodes(deps: {
  adminKey: string;
  box: SecretBox;
  spent: Pick<Bucket<SpentToken>, 'create'>;
  now: () => number;
}): SignInCodes {
  // A code of another admin key does not open.
  const context = [...CONTEXT, hash('sha256', deps.adminKey, 'hex')];
  return {
    make(lifeMs) {
      const endsMs = deps.now() + lifeMs;
      const sealed = deps.box.seal(JSON.stringify({ id: randomUUID(), ends_ms: endsMs }), context);
      return { code: sealed, endsMs };
    },
    async use(code) {
      const opened = open(code);
      if (!opened || opened.ends_ms <= deps.now()) return false;
      return deps.spent.create(opened.id, {});
    },
  };

  function open(code: string): z.infer<typeof Sealed> | undefined {
    try {
      return Sealed.parse(JSON.parse(deps.box.open(code, context)));
    } catch {
      return undefined;
    }
  }
}
