import type { LeadLog } from './lead-log.ts';

/** Waits for a lead that somebody else has. */
export interface Follower {
  /**
   * Looks once whether somebody leads, and takes the lead if nobody has for the lease. Resolves with the version from
   * which on it holds; undefined: somebody leads, or was faster. @throws LogUnavailable
   */
  look(): Promise<number | undefined>;
  /** Somebody else has just been seen to lead. */
  heard(): void;
}

/** `leaseMs`: for how long a leader that does not answer keeps the lead. */
export function createFollower(
  log: Pick<LeadLog, 'askLeader' | 'claim'>,
  { leaderId, leaseMs }: { leaderId: string; leaseMs: number },
): Follower {
  let heardAt = performance.now();
  const heard = () => {
    heardAt = performance.now();
  };
  return {
    heard,
    async look() {
      const said = await log.askLeader();
      if (said === 'alive') heard();
      if (said === 'alive' || (said === 'silent' && performance.now() - heardAt < leaseMs)) return undefined;
      const version = await log.claim(leaderId);
      heard();
      return version;
    },
  };
}
