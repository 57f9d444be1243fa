import {
  BUS_SETTINGS,
  type ConfigOf,
  integer,
  OPS_SETTINGS,
  POSTGRES_SETTINGS,
  PROCESS_SETTINGS,
} from '@errand/runtime';

export const settings = {
  ...PROCESS_SETTINGS,
  ...OPS_SETTINGS,
  ...BUS_SETTINGS,
  ...POSTGRES_SETTINGS,
  maxBatch: integer({
    env: 'ERRAND_PROJECTION_MAX_BATCH',
    description: 'Maximum events per statement',
    unit: 'events',
    default: 500,
    min: 1,
    max: 5_000,
  }),
  lingerMs: integer({
    env: 'ERRAND_PROJECTION_LINGER_MS',
    description:
      'How long more events are waited for once one has come; lists and the feed lag by as much, status does not',
    unit: 'ms',
    default: 25,
    min: 0,
    max: 1_000,
  }),
  deadlineSweepMs: integer({
    env: 'ERRAND_PROJECTION_DEADLINE_SWEEP_MS',
    description: 'How often to look for overdue jobs of a lost log',
    unit: 'ms',
    default: 15_000,
    min: 50,
    max: 600_000,
  }),
  rebuildLookMs: integer({
    env: 'ERRAND_PROJECTION_REBUILD_LOOK_MS',
    description:
      'How often to look for a rebuild, a verification or the deletion of a tenant that another process has abandoned',
    unit: 'ms',
    default: 5_000,
    min: 50,
    max: 600_000,
  }),
  deletionGraceMs: integer({
    env: 'ERRAND_TENANT_DELETION_GRACE_MS',
    description:
      'How long running jobs and webhook calls of a tenant that is deleted may take to end; its deletion takes longer',
    unit: 'ms',
    default: 60_000,
    min: 0,
    max: 3_600_000,
  }),
  rebuildPage: integer({
    env: 'ERRAND_PROJECTION_REBUILD_PAGE',
    description:
      'Maximum events that a rebuild writes at once, and unfinished jobs that it holds; more uses more memory',
    unit: 'events',
    default: 10_000,
    min: 1,
    max: 100_000,
  }),
  retentionSweepMs: integer({
    env: 'ERRAND_PROJECTION_RETENTION_SWEEP_MS',
    description:
      'How often expired summaries and statistics are dropped, and minutes of statistics added up to hours',
    unit: 'ms',
    default: 3_600_000,
    min: 1_000,
    max: 86_400_000,
  }),
  verifyMaxOpenJobs: integer({
    env: 'ERRAND_VERIFY_MAX_OPEN_JOBS',
    description: 'How many unfinished jobs verify holds in memory; for more it reads the log again',
    unit: 'jobs',
    default: 50_000,
    min: 1,
    max: 10_000_000,
  }),
  verifyGraceMs: integer({
    env: 'ERRAND_VERIFY_GRACE_MS',
    description: 'How long verify treats overdue work as still in progress',
    unit: 'ms',
    default: 60_000,
    min: 0,
    max: 86_400_000,
  }),
  verifySecondLookMs: integer({
    env: 'ERRAND_VERIFY_SECOND_LOOK_MS',
    description: 'How long verify waits before it rechecks stuck deliveries',
    unit: 'ms',
    default: 20_000,
    min: 0,
    max: 600_000,
  }),
};

export type ProjectionConfig = ConfigOf<typeof settings>;
