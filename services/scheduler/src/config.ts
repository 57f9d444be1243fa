import { BUS_SETTINGS, type ConfigOf, integer, OPS_SETTINGS, PROCESS_SETTINGS } from '@errand/runtime';

export const settings = {
  ...PROCESS_SETTINGS,
  ...OPS_SETTINGS,
  ...BUS_SETTINGS,
  tickMs: integer({
    env: 'ERRAND_SCHEDULER_TICK_MS',
    description: 'How often jobs are looked for whose wait is over or whose deadline has passed',
    unit: 'ms',
    default: 50,
    min: 10,
    max: 60_000,
  }),
  contractSweepMs: integer({
    env: 'ERRAND_SCHEDULER_CONTRACT_SWEEP_MS',
    description: 'How often it is looked whether executors still serve the contracts that they announced',
    unit: 'ms',
    default: 1_000,
    min: 50,
    max: 60_000,
  }),
};

export type SchedulerConfig = ConfigOf<typeof settings>;
