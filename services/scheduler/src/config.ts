import { TenantLimits } from '@errand/contracts';
import {
  BUS_SETTINGS,
  type ConfigOf,
  integer,
  OPS_SETTINGS,
  PROCESS_SETTINGS,
  TURNS_SETTING,
  tenantLimitsSetting,
} from '@errand/runtime';

export const settings = {
  ...PROCESS_SETTINGS,
  ...OPS_SETTINGS,
  ...BUS_SETTINGS,
  ...TURNS_SETTING,
  ...tenantLimitsSetting(TenantLimits.strict()),
  tickMs: integer({
    env: 'ERRAND_SCHEDULER_TICK_MS',
    description: 'Shortest time between two looks for jobs whose wait is over or whose deadline has passed',
    unit: 'ms',
    default: 50,
    min: 10,
    max: 60_000,
  }),
  turnsLeaseMs: integer({
    env: 'ERRAND_TURNS_LEASE_MS',
    description:
      'How long a scheduler that gives jobs their turns may be silent before another one takes over',
    unit: 'ms',
    default: 3_000,
    min: 1_000,
    max: 60_000,
  }),
  contractSweepMs: integer({
    env: 'ERRAND_SCHEDULER_CONTRACT_SWEEP_MS',
    description: 'How often to check that executors still serve their announced contracts',
    unit: 'ms',
    default: 1_000,
    min: 50,
    max: 60_000,
  }),
  logGraceMinutes: integer({
    env: 'ERRAND_LOG_GRACE_MINUTES',
    description:
      'How long the log keeps events at least, once nobody needs them; they leave it some ten minutes later',
    unit: 'minutes',
    default: 10,
    min: 2,
    max: 525_600,
  }),
  logTrimMs: integer({
    env: 'ERRAND_LOG_TRIM_MS',
    description: 'How often to let events leave the log that nobody needs any more',
    unit: 'ms',
    default: 30_000,
    min: 1_000,
    max: 3_600_000,
  }),
};

export type SchedulerConfig = ConfigOf<typeof settings>;
