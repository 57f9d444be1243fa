import { randomUUID } from 'node:crypto';
import type { Bucket } from '@errand/bus';
import type { SecretBox } from '@errand/runtime';
import { z } from 'zod';
import type { SpentToken } from './spent-token.ts';

/*
 * A one-time code is a link's worth of trust: it begins one session, once and soon. It is stored nowhere; what is stored
 * is that it was used.
 */

export interface OneTimeCodes {
  /** `of`: what it begins a session of. */
  make(of: string, lifeMs: number): { code: string; endsMs: number };
  /** Whether the code begins a session of that: true once. @throws LogUnavailable */
  use(of: string, code: string): Promise<boolean>;
}

const Sealed = z.object({ id: z.string(), ends_ms: z.int() });

/** `now`: Unix milliseconds. `spent`: by ids. */
export function createOneTimeCodes(deps: {
  box: SecretBox;
  spent: Pick<Bucket<SpentToken>, 'create'>;
  now: () => number;
}): OneTimeCodes {
  const contextOf = (of: string) => ['one_time_code', of];
  return {
    make(of, lifeMs) {
      const endsMs = deps.now() + lifeMs;
      const sealed = deps.box.seal(JSON.stringify({ id: randomUUID(), ends_ms: endsMs }), contextOf(of));
      return { code: sealed, endsMs };
    },
    async use(of, code) {
      const opened = open(of, code);
      if (!opened || opened.ends_ms <= deps.now()) return false;
      return deps.spent.create(opened.id, {});
    },
  };

  function open(of: string, code: string): z.infer<typeof Sealed> | undefined {
    try {
      return Sealed.parse(JSON.parse(deps.box.open(code, contextOf(of))));
    } catch {
      return undefined;
    }
  }
}
