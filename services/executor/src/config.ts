import {
  BUS_SETTINGS,
  type ConfigOf,
  integer,
  OPS_SETTINGS,
  PAYLOAD_SETTINGS,
  PROCESS_SETTINGS,
} from '@errand/runtime';

export const settings = {
  ...PROCESS_SETTINGS,
  ...OPS_SETTINGS,
  ...BUS_SETTINGS,
  ...PAYLOAD_SETTINGS,
  maxResultBytes: integer({
    env: 'ERRAND_MAX_RESULT_BYTES',
    description: 'Largest result of a job, a file or JSON; a job with a larger one fails',
    unit: 'bytes',
    default: 67_108_864,
    min: 1_024,
    max: 1_073_741_824,
  }),
  leaseMs: integer({
    env: 'ERRAND_LEASE_MS',
    description:
      'How long a job waits for its executor to show that it lives before another one takes it; the same for all executors',
    unit: 'ms',
    default: 30_000,
    min: 1_000,
    max: 600_000,
  }),
  finishGraceMs: integer({
    env: 'ERRAND_EXECUTOR_FINISH_GRACE_MS',
    description: 'How long a stop lets attempts finish before it hands their jobs to other executors',
    unit: 'ms',
    default: 500,
    min: 0,
    max: 600_000,
  }),
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
