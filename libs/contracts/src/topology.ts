import { ALL_ENDINGS, ALL_JOB_EVENTS, workOf } from './subjects.ts';

/*
 * Every stream, consumer and bucket of the system, as plain data. `libs/bus` provisions them.
 */

export interface TopologySettings {
  /** Copies of each stream and bucket: 1 on a laptop, 3 in production. */
  replicas: number;
  /** How long JOBS keeps an event, in hours. A job's longest life must end inside it. */
  jobsMaxAgeHours: number;
  /** How large JOBS may grow, in bytes. Beyond it the log refuses appends and the gateway answers 503. */
  jobsMaxBytes: number;
}

export const JOBS_STREAM = 'JOBS';

/** The oldest server that enforces the guard of an append; older ones ignore it without an error. */
export const MIN_NATS_VERSION = '2.12.0';

/** An unacknowledged event is delivered again after this time. Whoever works on one says so every third of it. */
export const ACK_WAIT_MS = 30_000;

const HOUR_NS = 3_600_000_000_000;

/** The stream of every job's events. It refuses appends when it is full: better than dropping old ones. */
export function jobsStream(settings: TopologySettings) {
  return {
    name: JOBS_STREAM,
    subjects: [ALL_JOB_EVENTS],
    storage: 'file',
    retention: 'limits',
    discard: 'new',
    max_age: settings.jobsMaxAgeHours * HOUR_NS,
    max_bytes: settings.jobsMaxBytes,
    num_replicas: settings.replicas,
    allow_direct: true,
    allow_atomic: true,
  } as const;
}

export interface ConsumerSpec {
  readonly name: string;
  readonly filterSubjects: readonly string[];
  /** How many events all replicas together may hold unacknowledged; at the limit delivery stops. */
  readonly maxAckPending: number;
}

export const PROJECTION_CONSUMER: ConsumerSpec = {
  name: 'projection',
  filterSubjects: [ALL_JOB_EVENTS],
  maxAckPending: 10_000,
};

export const WEBHOOKS_CONSUMER: ConsumerSpec = {
  name: 'webhooks',
  filterSubjects: ALL_ENDINGS,
  maxAckPending: 5_000,
};

/** One consumer per action, shared by its executors. They pull for free slots only, so pending means running. */
export function executorConsumer(action: string): ConsumerSpec {
  return { name: `executor-${action}`, filterSubjects: workOf(action), maxAckPending: 10_000 };
}

/** Key-value buckets. Gateways write them but for `actions`, where each executor announces its own. */
export const BUCKETS = {
  /** Action name → ActionContract. */
  actions: 'actions',
  /** SHA-256 of a token, in hex → ApiKey. */
  apiKeys: 'api_keys',
  /** Tenant id → Tenant. */
  tenants: 'tenants',
  /** `<tenant_id>.<endpoint_id>` → WebhookEndpoint. */
  webhookEndpoints: 'webhook_endpoints',
} as const;
export type BucketName = (typeof BUCKETS)[keyof typeof BUCKETS];
