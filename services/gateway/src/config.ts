import { TenantLimits } from '@errand/contracts';
import {
  BUS_SETTINGS,
  type ConfigOf,
  flag,
  integer,
  PAYLOAD_SETTINGS,
  POSTGRES_SETTINGS,
  PROCESS_SETTINGS,
  PUBLIC_URL_SETTING,
  SEALING_KEY_SETTINGS,
  type Setting,
  secret,
  secrets,
  TURNS_SETTING,
  tenantLimitsSetting,
  WEBHOOK_TARGET_SETTINGS,
} from '@errand/runtime';
import { z } from 'zod';
import { OIDC_SETTINGS } from './session/oidc/oidc-settings.ts';

/** Origins as browsers send them, separated by commas; `none` for none, `*` for all. */
function origins(about: { env: string; description: string }): Setting<readonly string[]> {
  const isOrigin = (text: string) =>
    text === '*' || (!text.includes('*') && URL.canParse(text) && new URL(text).origin === text);
  const schema = z
    .string()
    .transform((list) => (list.trim() === 'none' ? [] : list.split(',').map((each) => each.trim())))
    .refine((list) => list.every(isOrigin), 'must be origins such as https://app.example.com, *, or none');
  return { ...about, default: 'none', schema };
}

/** Host names without ports, separated by commas; `any` for any. */
function hosts(about: { env: string; description: string }): Setting<readonly string[] | undefined> {
  const isHost = (name: string) =>
    URL.canParse(`http://${name}`) && new URL(`http://${name}`).host === name.toLowerCase();
  const schema = z
    .string()
    .transform((list) => (list.trim() === 'any' ? undefined : list.split(',').map((each) => each.trim())))
    .refine(
      (list) => list === undefined || list.every(isHost),
      'must be host names such as errand.example.com, or any',
    )
    .transform((list) => list?.map((name) => name.toLowerCase()));
  return { ...about, default: 'any', schema };
}

/** A port, or `none` for no port of its own; 0 takes a free one. */
function portOrNone(about: { env: string; description: string }): Setting<number | undefined> {
  const schema = z
    .string()
    .transform((text) => (text === 'none' ? undefined : Number(text)))
    .refine(
      (port) => port === undefined || (Number.isInteger(port) && port >= 0 && port <= 65_535),
      'must be a port, 0 for a free one, or none',
    );
  return {
    ...about,
    default: 'none',
    schema: schema as unknown as z.ZodType<number | undefined>,
  };
}

/** As it can stand in an Authorization header. */
const AdminKey = z
  .string()
  .min(16, 'must have at least 16 characters')
  .regex(/^[\x21-\x7e]*$/, 'must be letters, digits and signs of ASCII, without spaces');

export const settings = {
  ...PROCESS_SETTINGS,
  ...BUS_SETTINGS,
  ...PAYLOAD_SETTINGS,
  ...POSTGRES_SETTINGS,
  ...SEALING_KEY_SETTINGS,
  ...TURNS_SETTING,
  ...tenantLimitsSetting(TenantLimits.strict()),
  ...PUBLIC_URL_SETTING,
  ...OIDC_SETTINGS,
  port: integer({
    env: 'ERRAND_PORT',
    description: 'Port of the API; 0 takes a free one',
    unit: 'port',
    default: 8080,
    min: 0,
    max: 65_535,
  }),
  opsPort: portOrNone({
    env: 'ERRAND_OPS_PORT',
    description:
      'Port of /healthz, /readyz and /metrics, which then leaves ERRAND_PORT; none: all are on ERRAND_PORT; 0 takes a free one',
  }),
  adminOnOpsPort: flag({
    env: 'ERRAND_ADMIN_ON_OPS_PORT',
    description:
      'Serves /admin, and the console for admins, on ERRAND_OPS_PORT only; ERRAND_PORT then takes no admin key',
    default: false,
  }),
  adminKey: secret({
    env: 'ERRAND_ADMIN_KEY',
    description: 'Bearer token with all permissions',
    schema: AdminKey,
  }),
  otherAdminKeys: secrets({
    env: 'ERRAND_OTHER_ADMIN_KEYS',
    description: 'Admin keys that are good, too, separated by commas: while ERRAND_ADMIN_KEY is exchanged',
    schema: AdminKey,
  }),
  corsOrigins: origins({
    env: 'ERRAND_CORS_ORIGINS',
    description: 'Origins whose pages may call the API from browsers, separated by commas; * for all',
  }),
  allowedHosts: hosts({
    env: 'ERRAND_ALLOWED_HOSTS',
    description:
      'Host names that the gateway serves, separated by commas; others get 421, except for /healthz and /readyz',
  }),
  maxBodyBytes: integer({
    env: 'ERRAND_MAX_BODY_BYTES',
    description: 'Largest request body; larger ones are refused with 413',
    unit: 'bytes',
    default: 1_048_576,
    min: 1_024,
    max: 67_108_864,
  }),
  maxBatchBodyBytes: integer({
    env: 'ERRAND_MAX_BATCH_BODY_BYTES',
    description: 'Largest body of a run-batch request; larger ones are refused with 413',
    unit: 'bytes',
    default: 8_388_608,
    min: 1_024,
    max: 67_108_864,
  }),
  bodyTimeoutMs: integer({
    env: 'ERRAND_BODY_TIMEOUT_MS',
    description: 'How long the head of a request, and its body, may take to arrive; slower ones get 408',
    unit: 'ms',
    default: 10_000,
    min: 100,
    max: 300_000,
  }),
  keepAliveMs: integer({
    env: 'ERRAND_KEEP_ALIVE_MS',
    description: 'How long an idle connection is kept open; longer than in the load balancer in front',
    unit: 'ms',
    default: 75_000,
    min: 1_000,
    max: 3_600_000,
  }),
  answerStallMs: integer({
    env: 'ERRAND_ANSWER_STALL_MS',
    description: 'How long a caller may read nothing of its answer before its connection is closed',
    unit: 'ms',
    default: 60_000,
    min: 100,
    max: 3_600_000,
  }),
  maxConnections: integer({
    env: 'ERRAND_MAX_CONNECTIONS',
    description: 'Maximum connections of a gateway; more are closed at once',
    unit: 'connections',
    default: 10_000,
    min: 10,
    max: 1_000_000,
  }),
  requestsPerKey: integer({
    env: 'ERRAND_REQUESTS_PER_KEY',
    description:
      'Concurrent requests of one API key in a gateway, including waits and streams; more are refused with 429',
    unit: 'requests',
    default: 5_000,
    min: 1,
    max: 1_000_000,
  }),
  appendTimeoutMs: integer({
    env: 'ERRAND_APPEND_TIMEOUT_MS',
    description: 'How long a run waits for the log before it is refused with 503',
    unit: 'ms',
    default: 5_000,
    min: 50,
    max: 60_000,
  }),
  runsPercent: integer({
    env: 'ERRAND_JOBS_RUNS_PERCENT',
    description:
      'Share of ERRAND_JOBS_MAX_BYTES that runs may fill; beyond it they get 503, so that jobs can end',
    unit: '%',
    default: 85,
    min: 1,
    max: 100,
  }),
  jobsTenantPercent: integer({
    env: 'ERRAND_JOBS_TENANT_PERCENT',
    description:
      'Share of ERRAND_JOBS_MAX_BYTES that one of several tenants may take, with what is kept for the ends of its queued jobs, once half of it is taken; beyond it the runs of the tenant get 429',
    unit: '%',
    default: 50,
    min: 1,
    max: 100,
  }),
  payloadsInputsPercent: integer({
    env: 'ERRAND_PAYLOADS_INPUTS_PERCENT',
    description:
      'Share of the store of large inputs and results up to which it takes inputs; beyond it runs with a large input get 503, so that jobs can end',
    unit: '%',
    default: 80,
    min: 1,
    max: 100,
  }),
  statusDatabaseTimeoutMs: integer({
    env: 'ERRAND_STATUS_DATABASE_TIMEOUT_MS',
    description: 'How long a status call waits for Postgres before it uses only the log',
    unit: 'ms',
    default: 1_500,
    min: 50,
    max: 30_000,
  }),
  longLogMaxEntries: integer({
    env: 'ERRAND_LONG_LOG_MAX_ENTRIES',
    description:
      'How much of the audit log is read for one old job while the read model is down; beyond it 503',
    unit: 'events',
    default: 50_000,
    min: 1_000,
    max: 10_000_000,
  }),
  longLogMaxMs: integer({
    env: 'ERRAND_LONG_LOG_MAX_MS',
    description:
      'How long the audit log is read for one old job while the read model is down, including waiting',
    unit: 'ms',
    default: 3_000,
    min: 100,
    max: 60_000,
  }),
  jobMaxLifeHours: integer({
    env: 'ERRAND_JOB_MAX_LIFE_HOURS',
    description: 'Longest time from a request to the end of its job; shorter than ERRAND_JOBS_MAX_AGE_HOURS',
    unit: 'hours',
    default: 47,
    min: 1,
    max: 8_759,
  }),
  jobDefaultLifeHours: integer({
    env: 'ERRAND_JOB_DEFAULT_LIFE_HOURS',
    description: 'How long a job may take from its start if its request has no finish_by_s',
    unit: 'hours',
    default: 24,
    min: 1,
    max: 8_759,
  }),
  idempotencyTakeoverMs: integer({
    env: 'ERRAND_IDEMPOTENCY_TAKEOVER_MS',
    description: 'Age at which a key whose job was never requested counts as left by a dead gateway',
    unit: 'ms',
    default: 10_000,
    min: 100,
    max: 600_000,
  }),
  historyMaxEntries: integer({
    env: 'ERRAND_HISTORY_MAX_ENTRIES',
    description:
      'How many entries of the audit log are scanned for the history of a job that has left the log; beyond it 503',
    unit: 'entries',
    default: 500_000,
    min: 1_000,
    max: 100_000_000,
  }),
  historyTimeoutMs: integer({
    env: 'ERRAND_HISTORY_TIMEOUT_MS',
    description: 'How long the audit log is read for the history of one job; beyond it 503',
    unit: 'ms',
    default: 10_000,
    min: 100,
    max: 600_000,
  }),
  eventsHeartbeatMs: integer({
    env: 'ERRAND_EVENTS_HEARTBEAT_MS',
    description: 'Interval of heartbeats on event streams',
    unit: 'ms',
    default: 15_000,
    min: 50,
    max: 300_000,
  }),
  callbackWaitMs: integer({
    env: 'ERRAND_CALLBACK_WAIT_MS',
    description: 'How long a callback is kept that comes before its job waits for it; then it gets 503',
    unit: 'ms',
    default: 4_000,
    min: 0,
    max: 4_500,
  }),
  callbackProgressIntervalMs: integer({
    env: 'ERRAND_CALLBACK_PROGRESS_INTERVAL_MS',
    description:
      'Minimum time between two progress events of one job by callbacks; what comes sooner is answered and dropped',
    unit: 'ms',
    default: 1_000,
    min: 0,
    max: 60_000,
  }),
  portalSessionsPerTenant: integer({
    env: 'ERRAND_PORTAL_SESSIONS_PER_TENANT',
    description: 'Portal sessions of a tenant that have not ended; more are refused with 409',
    unit: 'sessions',
    default: 1_000,
    min: 1,
    max: 100_000,
  }),
  schedulesPerTenant: integer({
    env: 'ERRAND_SCHEDULES_PER_TENANT',
    description: 'Schedules of a tenant; more are refused with 409',
    unit: 'schedules',
    default: 1_000,
    min: 0,
    max: 1_000_000,
  }),
  scheduleMinEveryS: integer({
    env: 'ERRAND_SCHEDULE_MIN_EVERY_S',
    description: 'The shortest time between two ticks that a schedule may ask for',
    unit: 's',
    default: 10,
    min: 1,
    max: 86_400,
  }),
  scheduleCatchUpHours: integer({
    env: 'ERRAND_SCHEDULE_CATCH_UP_HOURS',
    description: 'Age from which on a tick that was missed is not made up for',
    unit: 'h',
    default: 24,
    min: 1,
    max: 72,
  }),
  schedulesLeaseMs: integer({
    env: 'ERRAND_SCHEDULES_LEASE_MS',
    description: 'Silence of the gateway that asks for the jobs of schedules after which another one does',
    unit: 'ms',
    default: 5_000,
    min: 1_000,
    max: 60_000,
  }),
  bulkActionsPerTenant: integer({
    env: 'ERRAND_BULK_ACTIONS_PER_TENANT',
    description: 'Bulk actions of a tenant that run at a time; more are refused with 409',
    unit: 'bulk actions',
    default: 3,
    min: 1,
    max: 100,
  }),
  bulkConcurrency: integer({
    env: 'ERRAND_BULK_CONCURRENCY',
    description: 'Jobs of one bulk action that are canceled, retried or redelivered at a time',
    unit: 'jobs',
    default: 8,
    min: 1,
    max: 100,
  }),
  bulkJobsPerSecond: integer({
    env: 'ERRAND_BULK_JOBS_PER_SECOND',
    description: 'Jobs of all bulk actions together that a gateway begins with in a second',
    unit: 'jobs/s',
    default: 200,
    min: 1,
    max: 10_000,
  }),
  bulkLeaseMs: integer({
    env: 'ERRAND_BULK_LEASE_MS',
    description: 'Silence of a gateway after which another one takes over its bulk actions',
    unit: 'ms',
    default: 10_000,
    min: 300,
    max: 600_000,
  }),
  keysPerTenant: integer({
    env: 'ERRAND_KEYS_PER_TENANT',
    description: 'Most keys of a tenant that makes or replaces one itself; the admin key makes more',
    unit: 'keys',
    default: 500,
    min: 1,
    max: 10_000,
  }),
  configChangesPerDay: integer({
    env: 'ERRAND_CONFIG_CHANGES_PER_DAY',
    description:
      'Recorded changes of keys, webhook endpoints and schedules of a tenant in any 24 hours, beyond which its own get 429',
    unit: 'changes',
    default: 1_000,
    min: 10,
    max: 1_000_000,
  }),
  webhookEndpointsPerTenant: integer({
    env: 'ERRAND_WEBHOOK_ENDPOINTS_PER_TENANT',
    description: 'Maximum webhook endpoints per tenant',
    unit: 'endpoints',
    default: 50,
    min: 1,
    max: 10_000,
  }),
  webhookTestsPerMinute: integer({
    env: 'ERRAND_WEBHOOK_TESTS_PER_MINUTE',
    description: 'Test calls of webhook endpoints per tenant, minute and gateway process',
    unit: 'calls',
    default: 10,
    min: 1,
    max: 10_000,
  }),
  ...WEBHOOK_TARGET_SETTINGS,
};

export type GatewayConfig = ConfigOf<typeof settings>;
