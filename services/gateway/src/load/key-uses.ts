import type { Bucket } from '@errand/bus';
import type { KeyUse } from '@errand/contracts';

/** When keys were last used, for those who look for keys that nobody needs. */
export interface KeyUses {
  /** Notes a use of a key; writes at most once a minute for each, and never holds up a request. */
  used(keyId: string): void;
  /** To the minute, as all gateways have noted it: RFC 3339; undefined for a key without uses. @throws LogUnavailable */
  lastUse(keyId: string): Promise<string | undefined>;
  /** @throws LogUnavailable */
  forget(keyId: string): Promise<void>;
}

const MINUTE_MS = 60_000;
const MOST_KNOWN = 100_000;

/** `now`: Unix milliseconds. */
export function createKeyUses(bucket: Bucket<KeyUse>, now: () => number): KeyUses {
  /** The minute of the last note, by key. */
  const noted = new Map<string, number>();
  return {
    used(keyId) {
      const minute = Math.floor(now() / MINUTE_MS);
      if (noted.get(keyId) === minute) return;
      if (noted.size >= MOST_KNOWN) noted.clear();
      noted.set(keyId, minute);
      const lastUsedAt = new Date(minute * MINUTE_MS).toISOString();
      // A note that is lost is made again in the next minute.
      void bucket.put(keyId, { last_used_at: lastUsedAt }).catch(() => {});
    },
    lastUse: async (keyId) => (await bucket.get(keyId))?.last_used_at,
    async forget(keyId) {
      noted.delete(keyId);
      await bucket.delete(keyId);
    },
  };
}
