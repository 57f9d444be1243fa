import { BUS_SETTINGS, type ConfigOf, integer, OPS_SETTINGS, PROCESS_SETTINGS } from '@errand/runtime';

export const settings = {
  ...PROCESS_SETTINGS,
  ...OPS_SETTINGS,
  ...BUS_SETTINGS,
  progressIntervalMs: integer({
    env: 'ERRAND_EXECUTOR_PROGRESS_INTERVAL_MS',
    description: 'Least time between two progress events of one job; what comes sooner is merged',
    unit: 'ms',
    default: 200,
    min: 0,
    max: 60_000,
  }),
};

export type ExecutorConfig = ConfigOf<typeof settings>;
