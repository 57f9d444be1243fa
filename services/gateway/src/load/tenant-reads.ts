import { createLimiter } from '@errand/runtime';
import type { TenantHandler } from '../http/authenticate.ts';
import { Refusal } from '../http/problem.ts';
import { untilAnswered } from '../http/request-log.ts';
import { createFairShare, type FairShare } from './fair-share.ts';
import { createPace } from './pace.ts';

/** Shares the connections to Postgres between tenants, so that the reads of one never take all of them. */
export interface TenantReads {
  /** Runs a read when it is the tenant's turn. */
  inTurn<T>(tenantId: string, read: () => Promise<T>): Promise<T>;
  /**
   * A handler whose reads take turns with the tenant's others, with rests between them while the tenant reads several
   * times as much as others do. It throws Refusal too_many_reads where too many of them wait or are not taken by their
   * callers.
   */
  limited(handler: TenantHandler): TenantHandler;
}

/** Lists of one tenant that wait, are read or are being taken by their callers. */
const MAX_UNDER_WAY = 32;
/** How long a tenant who reads most rests, in multiples of the time that the read took. */
const REST = 4;

export function createTenantReads(
  atOnce: number,
  share: Pick<FairShare, 'add' | 'dwarfsOthers'> = createFairShare(),
): TenantReads {
  const turns = createCounted(() => createLimiter(atOnce));
  const lists = createCounted(() => undefined);
  const pace = createPace(share, REST);

  async function inTurn<T>(tenantId: string, read: () => Promise<T>): Promise<T> {
    const { value: takeTurn, leave } = turns.enter(tenantId);
    try {
      return await takeTurn(read);
    } finally {
      leave();
    }
  }

  return {
    inTurn,
    limited: (handler) => (c, caller) => {
      const { tenantId } = caller;
      if (lists.count(tenantId) >= MAX_UNDER_WAY) throw new Refusal('too_many_reads');
      const { leave } = lists.enter(tenantId);
      const read = async () => {
        // Nothing is read for a caller that is gone.
        if (c.req.raw.signal.aborted) throw new Refusal('too_many_reads');
        const began = performance.now();
        try {
          return await handler(c, caller);
        } finally {
          const tookMs = performance.now() - began;
          c.env.readMs += tookMs;
          share.add(tenantId, tookMs);
        }
      };
      const answer = () => inTurn(tenantId, read);
      return untilAnswered(
        c,
        () => (share.dwarfsOthers(tenantId) ? pace(tenantId, answer) : answer()),
        leave,
      );
    },
  };
}

/** A value for each name, kept while anybody uses it. */
function createCounted<T>(make: () => T) {
  const entries = new Map<string, { value: T; users: number }>();
  return {
    count: (name: string) => entries.get(name)?.users ?? 0,
    enter(name: string) {
      const entry = entries.get(name) ?? { value: make(), users: 0 };
      entries.set(name, entry);
      entry.users++;
      const leave = () => {
        if (--entry.users === 0) entries.delete(name);
      };
      return { value: entry.value, leave };
    },
  };
}
