import type { Tenant } from '@errand/contracts';
import { NO_TURN_LIMITS, type TurnLimits } from './turn-queues.ts';

/** What turns respect of a tenant, as its record has it. */
export function turnLimitsOf(tenant: Tenant | undefined): TurnLimits {
  if (!tenant) return NO_TURN_LIMITS;
  const { limits = {}, paused = false } = tenant;
  return {
    weight: limits.weight ?? NO_TURN_LIMITS.weight,
    maxRunning: limits.max_running,
    maxRunningPerAction: limits.max_running_per_action,
    paused,
  };
}
