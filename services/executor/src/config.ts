import {
  BUS_SETTINGS,
  type ConfigOf,
  flag,
  integer,
  OPS_SETTINGS,
  PAYLOAD_SETTINGS,
  PROCESS_SETTINGS,
  type Setting,
  secrets,
} from '@errand/runtime';
import { z } from 'zod';
import { WorkerKey } from './remote/worker-keys.ts';

const actions: Setting<string[]> = {
  env: 'ERRAND_ACTIONS',
  description: 'Folders, modules and actions.yaml files with actions, separated by commas',
  default: './actions',
  schema: z
    .string()
    .transform((text) =>
      text
        .split(',')
        .map((word) => word.trim())
        .filter((word) => word !== ''),
    )
    .refine((places) => places.length > 0, 'must name a folder or a file') as unknown as z.ZodType<string[]>,
};

export const settings = {
  ...PROCESS_SETTINGS,
  ...OPS_SETTINGS,
  ...BUS_SETTINGS,
  actions,
  workersPort: integer({
    env: 'ERRAND_WORKERS_PORT',
    description:
      'Port of the API for remote workers, whose actions this executor serves then instead of those of ERRAND_ACTIONS; 0 for none',
    unit: 'port',
    default: 0,
    min: 0,
    max: 65_535,
  }),
  workerKeys: secrets({
    env: 'ERRAND_WORKER_KEYS',
    description:
      'Keys of remote workers, separated by commas: `<action>=<key>`, or `*=<key>` for all actions',
    schema: WorkerKey,
  }),
  workerSilenceMs: integer({
    env: 'ERRAND_WORKER_SILENCE_MS',
    description:
      'How long a remote worker may be silent about an attempt before another attempt takes its place',
    unit: 'ms',
    default: 30_000,
    min: 1_000,
    max: 600_000,
  }),
  actionsWatchMs: integer({
    env: 'ERRAND_ACTIONS_WATCH_MS',
    description: 'How often action files are checked for changes and reloaded; 0 never',
    unit: 'ms',
    default: 5_000,
    min: 0,
    max: 3_600_000,
  }),
  actionsTolerateBroken: flag({
    env: 'ERRAND_ACTIONS_TOLERATE_BROKEN',
    description: 'Whether an executor starts despite broken or missing action files; for development',
    default: false,
  }),
  ...PAYLOAD_SETTINGS,
  maxResultBytes: integer({
    env: 'ERRAND_MAX_RESULT_BYTES',
    description: 'Largest result of a job, file or JSON; a job with a larger one fails',
    unit: 'bytes',
    default: 67_108_864,
    min: 1_024,
    max: 1_073_741_824,
  }),
  storeResultMs: integer({
    env: 'ERRAND_EXECUTOR_STORE_RESULT_MS',
    description:
      'How long an executor tries to store a result that is too large for its event, as while the store is full; then the attempt fails with result_not_stored',
    unit: 'ms',
    default: 60_000,
    min: 1_000,
    max: 3_600_000,
  }),
  logLineBytes: integer({
    env: 'ERRAND_EXECUTOR_LOG_LINE_BYTES',
    description: 'Longest log line of an attempt, including its fields; longer ones are cut',
    unit: 'bytes',
    default: 16_384,
    min: 256,
    max: 1_048_576,
  }),
  logAttemptBytes: integer({
    env: 'ERRAND_EXECUTOR_LOG_ATTEMPT_BYTES',
    description:
      'How much one attempt may write to the log, and how much it may tell callers; the rest is dropped',
    unit: 'bytes',
    default: 1_048_576,
    min: 256,
    max: 1_073_741_824,
  }),
  callerLogBytesPerS: integer({
    env: 'ERRAND_EXECUTOR_CALLER_LOG_BYTES_PER_S',
    description:
      'How much one attempt may tell callers in a second, in lines and partial results; the rest is dropped, and they are told how much was',
    unit: 'bytes',
    default: 65_536,
    min: 65_536,
    max: 1_073_741_824,
  }),
  leaseMs: integer({
    env: 'ERRAND_LEASE_MS',
    description:
      'How long an executor may be silent before another one takes its jobs; the same for all executors',
    unit: 'ms',
    default: 30_000,
    min: 1_000,
    max: 600_000,
  }),
  blockedMs: integer({
    env: 'ERRAND_EXECUTOR_BLOCKED_MS',
    description:
      'How long the main thread of an executor may block, as in an endless loop of an action, before its process is killed, to be restarted by its supervisor; shorter than ERRAND_LEASE_MS; 0 never; off while a debugger may be attached',
    unit: 'ms',
    default: 20_000,
    min: 0,
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
    description: 'Minimum time between two progress events of one job; earlier ones are merged',
    unit: 'ms',
    default: 200,
    min: 0,
    max: 60_000,
  }),
};

export type ExecutorConfig = ConfigOf<typeof settings>;

/** What a remote worker reads. */
export const workerSettings = { ...PROCESS_SETTINGS, finishGraceMs: settings.finishGraceMs };
