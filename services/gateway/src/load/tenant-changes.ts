import type { Bus } from '@errand/bus';
import { createLimiter } from '@errand/runtime';
import type { TenantHandler } from '../http/authenticate.ts';
import { Refusal } from '../http/problem.ts';

/*
 * Every change of keys, endpoints and schedules is recorded in one stream for all tenants, which drops its oldest records when it is
 * full. So a tenant makes only so many changes a day, by what the stream has of it: that is the same for all gateways. What
 * a tenant removes it has made before, so removing is not refused, and neither is what an admin does.
 */

export interface TenantChanges {
  /** A handler that makes a change for a tenant, if it may make one. It throws Refusal too_many_changes, too_many_requests. */
  limited(handler: TenantHandler): TenantHandler;
}

const DAY_MS = 86_400_000;
/** Changes of one tenant that a gateway makes at a time: another gateway cannot count them yet. */
const AT_ONCE = 4;
/** Those that are made or wait; each may hold a body in memory. */
const MOST_UNDER_WAY = 64;
/** A tenant that was refused and goes on all the same is not looked up each time. */
const ASK_AGAIN_MS = 10_000;

interface UnderWay {
  readonly inTurn: ReturnType<typeof createLimiter>;
  count: number;
  making: number;
}

/** `now`: Unix milliseconds by the clock of the log's server. */
export function createTenantChanges({
  log,
  perDay,
  now,
}: {
  log: Pick<Bus['config'], 'countOwn' | 'ownTimes'>;
  perDay: number;
  now: () => number;
}): TenantChanges {
  const underWay = new Map<string, UnderWay>();
  /** Those that were refused: until when, and as of when that is known. */
  const refused = new Map<string, { untilMs: number; askedMs: number }>();

  /** @throws Refusal too_many_changes */
  async function assertMay(tenantId: string, making: number): Promise<void> {
    const askedMs = now();
    const known = refused.get(tenantId);
    if (known && known.untilMs > askedMs && askedMs - known.askedMs < ASK_AGAIN_MS) {
      throw refusal(known.untilMs);
    }
    refused.delete(tenantId);
    const sinceMs = askedMs - DAY_MS;
    const over = (await log.countOwn(tenantId, sinceMs)) + making + 1 - perDay;
    if (over <= 0) return;
    const untilMs = await freeAgainMs(tenantId, { sinceMs, over });
    refused.set(tenantId, { untilMs, askedMs });
    throw refusal(untilMs);
  }

  /** When so many of the changes are a day old. */
  async function freeAgainMs(
    tenantId: string,
    { sinceMs, over }: { sinceMs: number; over: number },
  ): Promise<number> {
    let left = over;
    let lastMs = sinceMs;
    for await (const filedMs of log.ownTimes(tenantId, sinceMs)) {
      lastMs = filedMs;
      if (--left === 0) break;
    }
    return lastMs + DAY_MS;
  }

  function refusal(untilMs: number): Refusal {
    const seconds = Math.ceil((untilMs - now()) / 1_000);
    return new Refusal('too_many_changes', {
      detail: `The tenant may change its keys and webhook endpoints ${perDay} times in 24 hours.`,
      headers: { 'retry-after': String(Math.max(1, seconds)) },
    });
  }

  return {
    limited: (handler) => async (c, caller) => {
      const { tenantId, role } = caller;
      if (role === 'admin') return handler(c, caller);
      const own = underWay.get(tenantId) ?? { inTurn: createLimiter(AT_ONCE), count: 0, making: 0 };
      if (own.count >= MOST_UNDER_WAY) throw new Refusal('too_many_requests');
      underWay.set(tenantId, own);
      own.count++;
      try {
        return await own.inTurn(async () => {
          const before = own.making++;
          try {
            // One that ends meanwhile counts twice at worst, and never not at all.
            await assertMay(tenantId, before);
            return await handler(c, caller);
          } finally {
            own.making--;
          }
        });
      } finally {
        if (--own.count === 0) underWay.delete(tenantId);
      }
    },
  };
}
