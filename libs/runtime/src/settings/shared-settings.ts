import { z } from 'zod';
import {
  cidrs,
  flag,
  integer,
  json,
  liveSecret,
  optional,
  optionalUrl,
  secret,
  secrets,
  share,
  text,
} from './setting-kinds.ts';

/** What every service that talks to the log needs. */
export const BUS_SETTINGS = {
  natsUrl: secret({
    schema: z.string().min(1),
    env: 'NATS_URL',
    description:
      'NATS server, or several separated by commas: nats://[user:password@|token@]host:4222, or tls:// to refuse servers without TLS',
    default: 'nats://127.0.0.1:4222',
  }),
  natsCredsFile: optional({
    env: 'NATS_CREDS_FILE',
    description: 'Credentials file of NATS (a JWT and its seed), instead of a user in NATS_URL',
  }),
  natsCaFile: optional({
    env: 'NATS_CA_FILE',
    description: 'PEM file of the CA of the NATS certificate; with it, servers without TLS are refused',
  }),
  natsCertFile: optional({
    env: 'NATS_CERT_FILE',
    description: 'PEM file of the client certificate for NATS',
  }),
  natsKeyFile: optional({ env: 'NATS_KEY_FILE', description: 'PEM file of the key of NATS_CERT_FILE' }),
  provisions: flag({
    env: 'ERRAND_PROVISION',
    description:
      'Whether to make the streams and buckets of NATS that this process needs; false waits until `errand provision` has made them',
    default: true,
  }),
  maxClockOffMs: integer({
    env: 'ERRAND_MAX_CLOCK_OFF_MS',
    description: "How far this machine's clock may differ from that of NATS before a warning each minute",
    unit: 'ms',
    default: 1_000,
    min: 1,
    max: 86_400_000,
  }),
  replicas: integer({
    env: 'ERRAND_REPLICAS',
    description: 'Copies of each stream and bucket: 1 on one server, 3 in production',
    unit: 'copies',
    default: 1,
    min: 1,
    max: 5,
  }),
  jobsMaxAgeHours: integer({
    env: 'ERRAND_JOBS_MAX_AGE_HOURS',
    description: "How long the log keeps a job's events at most; longer than the longest job",
    unit: 'hours',
    default: 48,
    min: 25,
    max: 8760,
  }),
  jobsMaxBytes: integer({
    env: 'ERRAND_JOBS_MAX_BYTES',
    description: 'Maximum size of the log; beyond it runs are refused with 503',
    unit: 'bytes',
    default: 10_000_000_000,
    min: 1_000_000,
    max: Number.MAX_SAFE_INTEGER,
  }),
  payloadsMaxBytes: integer({
    env: 'ERRAND_PAYLOADS_MAX_BYTES',
    description: 'Maximum size of the store for large inputs and results; beyond it they are refused',
    unit: 'bytes',
    default: 5_000_000_000,
    min: 1_000_000,
    max: Number.MAX_SAFE_INTEGER,
  }),
  deadLettersMaxBytes: integer({
    env: 'ERRAND_DEAD_LETTERS_MAX_BYTES',
    description: 'Maximum size of the store of unreadable events; the oldest are dropped',
    unit: 'bytes',
    default: 1_000_000_000,
    min: 1_000_000,
    max: Number.MAX_SAFE_INTEGER,
  }),
  jobLogsMaxBytes: integer({
    env: 'ERRAND_JOB_LOGS_MAX_BYTES',
    description: 'Maximum size of the store of what jobs tell callers; the oldest is dropped',
    unit: 'bytes',
    default: 1_000_000_000,
    min: 1_000_000,
    max: Number.MAX_SAFE_INTEGER,
  }),
  configMaxBytes: integer({
    env: 'ERRAND_CONFIG_MAX_BYTES',
    description:
      'Maximum size of the record of changes of tenants, keys, endpoints and actions; the oldest are dropped',
    unit: 'bytes',
    default: 100_000_000,
    min: 1_000_000,
    max: Number.MAX_SAFE_INTEGER,
  }),
  auditMaxAgeDays: integer({
    env: 'ERRAND_AUDIT_MAX_AGE_DAYS',
    description: 'How long the audit log keeps every event',
    unit: 'days',
    default: 90,
    min: 8,
    max: 36_500,
  }),
  auditMaxBytes: integer({
    env: 'ERRAND_AUDIT_MAX_BYTES',
    description: 'Maximum size of the audit log; the oldest events are dropped; 0 for no limit',
    unit: 'bytes',
    default: 0,
    min: 0,
    max: Number.MAX_SAFE_INTEGER,
  }),
};

/** For services that read or write inputs and results. */
export const PAYLOAD_SETTINGS = {
  inlinePayloadBytes: integer({
    env: 'ERRAND_INLINE_PAYLOAD_BYTES',
    description:
      'Largest input or result, as JSON, that is stored in its event; larger ones are stored separately',
    unit: 'bytes',
    default: 262_144,
    min: 0,
    max: 524_288,
  }),
  payloadsTenantPercent: integer({
    env: 'ERRAND_PAYLOADS_TENANT_PERCENT',
    description:
      "Share of the store of large inputs and results that one tenant's may take, each counted in 128 KiB once the store is filled so far; beyond it runs with a large input get 429, and attempts with a large result fail with result_not_stored",
    unit: '%',
    default: 75,
    min: 1,
    max: 100,
  }),
};

export const POSTGRES_SETTINGS = {
  databaseUrl: liveSecret({
    schema: z.string().min(1),
    env: 'DATABASE_URL',
    description: 'Postgres connection URL',
    default: 'postgres://errand@127.0.0.1:5432/errand',
  }),
  databasePoolSize: integer({
    env: 'ERRAND_DATABASE_POOL_SIZE',
    description: 'Postgres connections of this process',
    unit: 'connections',
    default: 10,
    min: 2,
    max: 500,
  }),
};

export const PROCESS_SETTINGS = {
  host: text({ env: 'ERRAND_HOST', description: 'Address to listen on', default: '127.0.0.1' }),
  logLevel: text({
    env: 'ERRAND_LOG_LEVEL',
    description: 'trace, debug, info, warn, error or silent',
    default: 'info',
  }),
  otlpEndpoint: optionalUrl({
    env: 'OTEL_EXPORTER_OTLP_ENDPOINT',
    description: 'URL of an OTLP/HTTP receiver of OpenTelemetry traces; without, nothing is traced',
  }),
  traceShare: share({
    env: 'OTEL_TRACES_SAMPLER_ARG',
    description:
      'How many of the traces that begin here are kept, from 0 to 1; those of callers are as they say',
    default: 1,
  }),
  shutdownGraceMs: integer({
    env: 'ERRAND_SHUTDOWN_GRACE_MS',
    description: 'How long a stop waits for work in progress',
    unit: 'ms',
    default: 25_000,
    min: 100,
    max: 600_000,
  }),
};

/** For services whose only HTTP is /healthz, /readyz and /metrics. */
export const OPS_SETTINGS = {
  opsPort: integer({
    env: 'ERRAND_OPS_PORT',
    description: 'Port of /healthz, /readyz and /metrics; 0 takes a free one',
    unit: 'port',
    default: 9090,
    min: 0,
    max: 65_535,
  }),
};

/** For those who send jobs to the executors. */
export const TURNS_SETTING = {
  turns: flag({
    env: 'ERRAND_TURNS',
    description:
      "Whether a tenant's jobs wait for their turn beyond the first ten of an action; without, only those with a limit do. The same for all gateways and schedulers",
    default: true,
  }),
};

/** `schema`: what the limits of a tenant are. */
export function tenantLimitsSetting<T>(schema: z.ZodType<T>) {
  return {
    tenantLimits: json({
      env: 'ERRAND_TENANT_LIMITS',
      description:
        'Limits of tenants, as JSON such as {"max_queued": 100000}; of each kind, a tenant may have one of its own instead. The same for all gateways and schedulers',
      schema,
      default: '{}',
    }),
  };
}

const SealingKey = z
  .base64()
  .refine((key) => Buffer.from(key, 'base64').length === 32, 'must be 32 bytes in base64');

export const SEALING_KEY_SETTINGS = {
  secretKey: secret({
    env: 'ERRAND_SECRET_KEY',
    description: 'Key that encrypts webhook secrets, and makes the keys of callbacks: 32 bytes in base64',
    schema: SealingKey,
  }),
  otherSecretKeys: secrets({
    env: 'ERRAND_OTHER_SECRET_KEYS',
    description:
      'Keys that decrypt, too, what was encrypted with them, separated by commas: while ERRAND_SECRET_KEY is exchanged',
    schema: SealingKey,
  }),
};

/** Where callers and outside systems reach the gateway. */
export const PUBLIC_URL_SETTING = {
  publicUrl: {
    ...text({
      env: 'ERRAND_PUBLIC_URL',
      description:
        'URL at which callers reach the gateway; base of the links in webhooks and of callback URLs',
      default: 'http://127.0.0.1:8080',
    }),
    schema: z.url({ protocol: /^https?$/, error: 'must be an http or https URL' }),
  },
};

/** Where webhooks may lead: the gateway refuses endpoints that the webhooks service would never reach. */
export const WEBHOOK_TARGET_SETTINGS = {
  allowHttp: flag({
    env: 'ERRAND_WEBHOOKS_ALLOW_HTTP',
    description: 'Accepts webhook URLs without TLS, for local testing',
    default: false,
  }),
  allowCidrs: cidrs({
    env: 'ERRAND_WEBHOOKS_ALLOW_CIDRS',
    description: 'Non-public subnets that webhooks may reach, separated by commas',
  }),
  denyCidrs: cidrs({
    env: 'ERRAND_WEBHOOKS_DENY_CIDRS',
    description: 'Subnets that webhooks never reach, overriding all else, separated by commas',
  }),
};
