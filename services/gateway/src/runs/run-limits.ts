import { type Bus, LogUnavailable, type WatchedBucket } from '@errand/bus';
import { JOB_RESERVE_BYTES, type Tenant } from '@errand/contracts';
import { Refusal } from '../http/problem.ts';
import { ROUNDING_MS, rateLimit } from '../http/rate-limit.ts';
import type { BodyLimits } from '../http/read-body.ts';
import type { Exchange } from '../http/request-log.ts';
import type { LogRoom } from '../load/log-room.ts';

/*
 * How many jobs a tenant may ask for, and have queued, and how much of the log it may take. The scheduler counts all of it by
 * the log, for all gateways together; what this gateway has let in since it was asked comes on top. Tenants without such
 * limits are not counted while the log has room for all.
 */

/** Whose answer says how much of the rate is left. */
export interface RunAsking {
  readonly env: Pick<Exchange, 'rateLimit'>;
}

export interface RunLimits {
  /**
   * Has so many jobs of a tenant requested, if it may have them. `newest` gives the newest of their versions.
   * @throws Refusal unknown_action, too_many_runs, too_many_queued, too_many_log_bytes; and what `request` throws
   */
  within<T>(
    c: RunAsking,
    asked: { tenantId: string; action: string; jobs: number },
    request: () => Promise<T>,
    newest: (requested: T) => number | undefined,
  ): Promise<T>;
  /**
   * Whether a tenant may have so many jobs requested at this moment. It may be otherwise once they are.
   * @throws Refusal unknown_action, too_many_runs, too_many_queued, too_many_log_bytes
   */
  check(c: RunAsking, asked: { tenantId: string; action: string; jobs: number }): Promise<void>;
  /** What the tenant may have, as far as this gateway knows. */
  of(tenantId: string): Tenant | undefined;
  /** How many of its jobs are queued; undefined if the scheduler does not say. */
  queued(tenantId: string): Promise<number | undefined>;
  /** How large a body of the tenant may be. */
  bodyLimits(tenantId: string, gateways: BodyLimits): BodyLimits;
}

/** How old an answer of the scheduler may be. */
const FRESH_MS = 20;
/** An older answer is no longer told. */
const SAID_MS = 5_000;
const NOTHING = { queued: 0, backlogMs: 0, logBytes: 0 };

interface Count {
  /** As the scheduler said: how many are queued, for how long the tenant's rate is used up, and what it has of the log. */
  usage: { queued: number; backlogMs: number; logBytes: number };
  saidMs: number;
  asking: Promise<void> | undefined;
  /** Let in, and the log is not known to have them. */
  inFlight: number;
  /** Of those, and of the ones that were let in later, the scheduler did not know. */
  unknown: number;
  version: number;
}

export function createRunLimits({
  bus,
  tenants,
  logRoom,
}: {
  bus: { readonly commands: Pick<Bus['commands'], 'askScheduler'> };
  tenants: Pick<WatchedBucket<Tenant>, 'peek' | 'entries'>;
  logRoom: Pick<LogRoom, 'mostOfTenant'>;
}): RunLimits {
  const counts = new Map<string, Count>();

  function countOf(tenantId: string): Count {
    const known = counts.get(tenantId);
    if (known) return known;
    const saidMs = Number.NEGATIVE_INFINITY;
    const count = { usage: NOTHING, saidMs, asking: undefined, inFlight: 0, unknown: 0, version: 0 };
    counts.set(tenantId, count);
    return count;
  }

  async function ask(count: Count, tenantId: string): Promise<void> {
    const { version } = count;
    count.unknown = count.inFlight;
    try {
      const answer = await bus.commands.askScheduler('usage', { tenant_id: tenantId, version });
      if (answer.kind !== 'usage') throw new LogUnavailable('the scheduler has not read the log so far');
      const { queued, backlog_ms: backlogMs, log_bytes: logBytes = 0 } = answer;
      count.usage = { queued, backlogMs, logBytes };
      count.saidMs = performance.now();
    } catch {
      // What it said last counts, and what has come since.
    } finally {
      count.asking = undefined;
    }
  }

  /** Nobody else needs what a sole tenant takes. */
  function hasOthers(): boolean {
    const some = tenants.entries();
    return !some.next().done && !some.next().done;
  }

  /** The count of a tenant that is counted. @throws Refusal */
  async function judge(
    c: RunAsking,
    { tenantId, action, jobs }: { tenantId: string; action: string; jobs: number },
  ): Promise<Count | undefined> {
    const { actions } = tenants.peek(tenantId) ?? {};
    if (actions && !actions.includes(action)) throw new Refusal('unknown_action');
    const { limits } = tenants.peek(tenantId) ?? {};
    const { max_queued: maxQueued, runs_per_second: rate } = limits ?? {};
    const most = hasOthers() ? logRoom.mostOfTenant() : undefined;
    if (maxQueued === undefined && rate === undefined && most === undefined) return undefined;
    const count = countOf(tenantId);
    if (performance.now() - count.saidMs > FRESH_MS) {
      count.asking ??= ask(count, tenantId);
      await count.asking;
    }
    const { usage, unknown } = count;
    if (maxQueued !== undefined && usage.queued + unknown + jobs > maxQueued) {
      throw new Refusal('too_many_queued', { detail: `The tenant may have ${maxQueued} jobs queued.` });
    }
    const keptBytes = (usage.queued + unknown + jobs) * JOB_RESERVE_BYTES;
    if (most !== undefined && usage.logBytes + keptBytes > most) throw new Refusal('too_many_log_bytes');
    if (rate !== undefined) {
      const burst = limits?.runs_burst ?? Math.max(1, Math.ceil(rate));
      const sinceMs = performance.now() - count.saidMs;
      const backlogMs = Math.max(0, usage.backlogMs - sinceMs) + ((unknown + jobs) * 1_000) / rate;
      const overMs = backlogMs - (burst * 1_000) / rate;
      c.env.rateLimit = rateLimit('runs', { rate, burst, overMs });
      if (overMs >= ROUNDING_MS) {
        const headers = { ...c.env.rateLimit, 'retry-after': String(Math.ceil(overMs / 1_000)) };
        const detail =
          jobs > burst
            ? `The tenant may ask for ${burst} jobs at once.`
            : `The tenant may ask for ${rate} jobs a second.`;
        throw new Refusal('too_many_runs', { headers, detail });
      }
    }
    return count;
  }

  return {
    async check(c, asked) {
      await judge(c, asked);
    },
    async within(c, asked, request, newest) {
      const count = await judge(c, asked);
      if (!count) return request();
      const { jobs } = asked;
      count.inFlight += jobs;
      count.unknown += jobs;
      try {
        const requested = await request();
        count.version = Math.max(count.version, newest(requested) ?? 0);
        return requested;
      } finally {
        count.inFlight -= jobs;
      }
    },
    of: (tenantId) => tenants.peek(tenantId),
    async queued(tenantId) {
      const count = countOf(tenantId);
      count.asking ??= ask(count, tenantId);
      await count.asking;
      return performance.now() - count.saidMs < SAID_MS ? count.usage.queued : undefined;
    },
    bodyLimits(tenantId, gateways) {
      const own = tenants.peek(tenantId)?.limits?.max_body_bytes;
      return own === undefined
        ? gateways
        : { ...gateways, maxBodyBytes: Math.min(own, gateways.maxBodyBytes) };
    },
  };
}
