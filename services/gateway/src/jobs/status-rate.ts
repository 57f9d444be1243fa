import type { Tenant } from '@errand/contracts';
import { Refusal } from '../http/problem.ts';
import { ROUNDING_MS, rateLimit } from '../http/rate-limit.ts';
import type { Ctx } from '../http/request-log.ts';

/** Refuses status requests of a tenant beyond its rate, as far as they come to this gateway. @throws Refusal too_many_status_requests */
export type StatusRate = (c: Ctx, tenantId: string) => void;

/** `nowMs` is a clock that never goes back. */
export function createStatusRate(
  tenants: { peek(tenantId: string): Pick<Tenant, 'limits'> | undefined },
  nowMs: () => number = () => performance.now(),
): StatusRate {
  /** When all requests of a tenant would have come, had they come at its rate (GCRA). */
  const dueMs = new Map<string, number>();
  return (c, tenantId) => {
    const rate = tenants.peek(tenantId)?.limits?.status_requests_per_second;
    if (rate === undefined) {
      dueMs.delete(tenantId);
      return;
    }
    const burst = Math.max(1, Math.ceil(rate));
    const now = nowMs();
    const next = Math.max(dueMs.get(tenantId) ?? 0, now) + 1_000 / rate;
    const overMs = next - now - (burst * 1_000) / rate;
    c.env.rateLimit = rateLimit('status', { rate, burst, overMs });
    if (overMs < ROUNDING_MS) {
      dueMs.set(tenantId, next);
      return;
    }
    throw new Refusal('too_many_status_requests', {
      headers: { ...c.env.rateLimit, 'retry-after': String(Math.ceil(overMs / 1_000)) },
      detail: `The tenant may ask for the status of its jobs ${rate} times a second.`,
    });
  };
}
