import { z } from 'zod';
import type { JobEventType } from '../events/events.ts';
import { ENDING_TYPES } from '../events/job-endings.ts';
import { SUMMARY_RETENTION_DAYS } from '../http/job-summary.ts';
import { PORTAL_SESSION_MAX_S } from '../portal-session.ts';
import {
  ALL_CONFIG,
  ALL_DEAD_LETTERS,
  ALL_JOB_EVENTS,
  ALL_JOB_LOGS,
  ALL_REDRIVES,
  AUDIT_TRANSFORM,
  redriveSubject,
  SCHEDULES,
  storedSubject,
  TURNS,
  workOf,
} from './subjects.ts';

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
  /** How large all payloads together may grow, in bytes. Beyond it new ones are refused. Default 5 GB. */
  payloadsMaxBytes?: number;
  /** How large DEAD_LETTERS may grow, in bytes, before its oldest entries go. Default 1 GB. */
  deadLettersMaxBytes?: number;
  /** How large LOGS may grow, in bytes, before its oldest entries go. Default 1 GB. */
  jobLogsMaxBytes?: number;
  /** How large CONFIG may grow, in bytes, before its oldest entries go. Default 100 MB. */
  configMaxBytes?: number;
  /** How long AUDIT keeps an event, in days. */
  auditMaxAgeDays: number;
  /** How large AUDIT may grow, in bytes, before its oldest events go; 0 for no limit. */
  auditMaxBytes: number;
}

/** Sized for one server. The services' own defaults are the same. */
export const DEFAULT_TOPOLOGY: TopologySettings = {
  replicas: 1,
  jobsMaxAgeHours: 48,
  jobsMaxBytes: 10_000_000_000,
  auditMaxAgeDays: 90,
  auditMaxBytes: 0,
};

export const JOBS_STREAM = 'JOBS';
export const AUDIT_STREAM = 'AUDIT';
export const DEAD_LETTERS_STREAM = 'DEAD_LETTERS';
export const CONFIG_STREAM = 'CONFIG';
export const LOGS_STREAM = 'LOGS';
/**
 * Services that start wait while it is there. Its metadata say why: of which backup a restore is under way, and which streams are
 * done; or of which site this NATS is the standby.
 */
export const RESTORE_STREAM = 'RESTORE';
const CONFIG_MAX_BYTES = 100_000_000;

/** The object store of inputs and results that are too large for an event. */
export const PAYLOADS_BUCKET = 'payloads';
export const PAYLOADS_STREAM = `OBJ_${PAYLOADS_BUCKET}`;
const PAYLOADS_MAX_BYTES = 5_000_000_000;

/** The oldest server that enforces the guard of an append; older ones ignore it without an error. */
export const MIN_NATS_VERSION = '2.12.0';

/** Room kept in the log for each job that has not ended: for a start, a wait and an end of some 2 KB. */
export const JOB_RESERVE_BYTES = 8_192;

/** Open jobs are counted once the log is filled to this share: below it the jobs of any backlog have room. */
export const OPEN_JOBS_COUNTED_FROM = 0.05;

/** Once the log is filled to this share, it is kept for what cannot do without it. */
export const TIGHT_LOG_RATIO = 0.8;
/** What a result or a fault's details may take of a log that is tight, in bytes of JSON. */
export const TIGHT_EVENT_BYTES = 1_024;

/**
 * How much longer JOBS keeps events than they are needed, in milliseconds: whatever has not been stored for less is in
 * it. It is also the time in which somebody has to end a trim whose process died.
 */
export const LOG_SLACK_MS = 600_000;

/** Nobody uses message ids in JOBS, and this must be shorter than any age at which events leave. */
const DUPLICATE_WINDOW_MS = 100;

/** How long a consumer, other than an executor's, may keep a message before it is redelivered. */
const ACK_WAIT_MS = 10_000;

/** How long a parked event can be looked at and redriven. */
const DEAD_LETTER_DAYS = 30;
const DEAD_LETTERS_MAX_BYTES = 1_000_000_000;
const JOB_LOGS_MAX_BYTES = 1_000_000_000;

const HOUR_MS = 3_600_000;
const MS_NS = 1_000_000;
const HOUR_NS = HOUR_MS * MS_NS;

/**
 * Every stream there is.
 *
 *   JOBS          every event of every job, and what leads their turns. It refuses appends when it is full: better than dropping old ones. It also
 *                 announces what it has stored to current listeners (`storedSubject`), with its body.
 *   AUDIT         the same events, kept long, under subjects without job ids: a subject costs the server memory, so JOBS
 *                 is kept short, while AUDIT has few subjects. It follows JOBS within a fraction of a second.
 *   CONFIG        every change of tenants, keys, endpoints and actions. It is apart from AUDIT, whose readers take each entry
 *                 for one of JOBS.
 *   OBJ_payloads  the object store, laid out as every NATS client knows it (ADR-20). Full, it refuses.
 *   LOGS          what attempts tell callers while they run: lines and partial results, each job under its own subject. It
 *                 announces what it has stored too, without bodies. It is kept as long as summaries are.
 *   DEAD_LETTERS  events that a consumer could not read, with the reason, and those on their way back to it.
 */
export function streams(settings: TopologySettings) {
  const common = {
    storage: 'file',
    retention: 'limits',
    num_replicas: settings.replicas,
    allow_direct: true,
  } as const;
  return [
    {
      ...common,
      name: JOBS_STREAM,
      subjects: [ALL_JOB_EVENTS, TURNS.lead, SCHEDULES.lead],
      discard: 'new',
      max_age: settings.jobsMaxAgeHours * HOUR_NS,
      max_bytes: settings.jobsMaxBytes,
      duplicate_window: DUPLICATE_WINDOW_MS * MS_NS,
      allow_atomic: true,
      republish: { src: ALL_JOB_EVENTS, dest: storedSubject(ALL_JOB_EVENTS) },
    },
    {
      ...common,
      name: AUDIT_STREAM,
      sources: [{ name: JOBS_STREAM, subject_transforms: [AUDIT_TRANSFORM] }],
      compression: 's2',
      discard: 'old',
      max_age: settings.auditMaxAgeDays * 24 * HOUR_NS,
      max_bytes: settings.auditMaxBytes === 0 ? -1 : settings.auditMaxBytes,
    },
    {
      ...common,
      name: CONFIG_STREAM,
      subjects: [ALL_CONFIG],
      discard: 'old',
      max_bytes: settings.configMaxBytes ?? CONFIG_MAX_BYTES,
    },
    {
      ...common,
      name: LOGS_STREAM,
      subjects: [ALL_JOB_LOGS],
      compression: 's2',
      discard: 'old',
      max_age: SUMMARY_RETENTION_DAYS * 24 * HOUR_NS,
      max_bytes: settings.jobLogsMaxBytes ?? JOB_LOGS_MAX_BYTES,
      republish: { src: ALL_JOB_LOGS, dest: storedSubject(ALL_JOB_LOGS), headers_only: true },
    },
    {
      ...common,
      name: DEAD_LETTERS_STREAM,
      subjects: [ALL_DEAD_LETTERS, ALL_REDRIVES],
      discard: 'old',
      max_age: DEAD_LETTER_DAYS * 24 * HOUR_NS,
      max_bytes: settings.deadLettersMaxBytes ?? DEAD_LETTERS_MAX_BYTES,
    },
    {
      ...common,
      name: PAYLOADS_STREAM,
      subjects: [payloadSubjects.chunksOf('>'), payloadSubjects.metaOf('>')],
      discard: 'new',
      max_age: payloadLifeMs(settings) * MS_NS,
      max_bytes: settings.payloadsMaxBytes ?? PAYLOADS_MAX_BYTES,
      allow_rollup_hdrs: true,
    },
  ] as const;
}

/** What a server reserves for its copy of all streams: the sum of what they may grow to. AUDIT may have no limit. */
export function reservedBytes(settings: TopologySettings): number {
  return streams(settings).reduce((sum, { max_bytes }) => sum + Math.max(0, max_bytes), 0);
}

/** Where a payload object is stored; the token is the id of its chunks, or its name in padded base64url. */
export const payloadSubjects = {
  chunksOf: (token: string) => `$O.${PAYLOADS_BUCKET}.C.${token}`,
  metaOf: (token: string) => `$O.${PAYLOADS_BUCKET}.M.${token}`,
};

/** How long a payload is kept: as long as both the summary that names it and the log that may run it. */
export function payloadLifeMs({ jobsMaxAgeHours }: Pick<TopologySettings, 'jobsMaxAgeHours'>): number {
  return Math.max(SUMMARY_RETENTION_DAYS * 24, jobsMaxAgeHours) * HOUR_MS;
}

export interface ConsumerSpec {
  readonly stream: string;
  readonly name: string;
  readonly filterSubjects: readonly string[];
  /** How many messages all replicas together may hold unacknowledged; at the limit delivery stops. */
  readonly maxAckPending: number;
  /** An unacknowledged message is redelivered after this time. Its worker renews it every third of it. */
  readonly ackWaitMs: number;
}

/** A reader of the log that takes each event once, in order, into a database. */
export interface LogReaderSpec {
  readonly name: string;
  /** Those that it reads; undefined: all. */
  readonly types: readonly JobEventType[] | undefined;
}

export const PROJECTION_READER: LogReaderSpec = { name: 'projection', types: undefined };
export const WEBHOOKS_READER: LogReaderSpec = { name: 'webhooks', types: ENDING_TYPES };

/** How far a reader has come: its database holds all that follows from the events up to this version. */
export const LogPosition = z.object({
  version: z.int().min(0),
  /** Of a backup: until when it counts, in Unix milliseconds by the server's clock, unless it is told again. */
  until_ms: z.int().optional(),
});
export type LogPosition = z.infer<typeof LogPosition>;

/**
 * Under this name a running backup says up to where its copy of AUDIT has every event: what is newer stays in JOBS until
 * its copy of JOBS has it.
 */
export const BACKUP_POSITION = 'backup';

/** Prefix of the names of executors' consumers. */
export const EXECUTOR_CONSUMER_PREFIX = 'executor-';

/**
 * One consumer for each live contract of an action, shared by its executors. They pull only for free slots, so pending
 * means running, and the ack wait is an executor's lease on a job. It is named by the contract's slot, so that
 * permissions can name all that an action may ever have.
 */
export function executorConsumer(
  action: string,
  { slot, contractId, leaseMs }: { slot: number; contractId: string; leaseMs: number },
): ConsumerSpec {
  return {
    stream: JOBS_STREAM,
    name: executorConsumerName(action, slot),
    filterSubjects: workOf(action, contractId),
    maxAckPending: 10_000,
    ackWaitMs: leaseMs,
  };
}

export function executorConsumerName(action: string, slot: number): string {
  return `${EXECUTOR_CONSUMER_PREFIX}${action}-${slot}`;
}

/** Redelivers to a consumer what was parked for it. */
export function redriveConsumer(consumer: string): ConsumerSpec {
  return {
    stream: DEAD_LETTERS_STREAM,
    name: `redrive-${consumer}`,
    filterSubjects: [redriveSubject(consumer)],
    maxAckPending: 100,
    ackWaitMs: ACK_WAIT_MS,
  };
}

/** Key-value buckets. Gateways write them, except `actions`, which is the scheduler's, `executors` and `positions`. */
export const BUCKETS = {
  /** Action name → ActionRecord. */
  actions: 'actions',
  /** Executor id → ExecutorHeartbeat, which that executor writes. */
  executors: 'executors',
  /** SHA-256 of a token, in hex → ApiKey. */
  apiKeys: 'api_keys',
  /** The same → KeyUse. */
  keyUses: 'key_uses',
  /** Tenant id → Tenant. */
  tenants: 'tenants',
  /** `<tenant_id>.<endpoint_id>` → WebhookEndpoint. */
  webhookEndpoints: 'webhook_endpoints',
  /** SHA-256 of tenant, kind of request, place and Idempotency-Key, in hex → IdempotencyRecord. */
  idempotency: 'idempotency',
  /** `<tenant_id>.<bulk_id>` → BulkAction. */
  bulkActions: 'bulk_actions',
  /** Name of a reader, or of a running backup → LogPosition, which it writes about once a second; and `CONFIG`, once what was there is recorded. */
  positions: 'positions',
  /** Id of a sign-in code that was used, or of a session that was ended → nothing. */
  spentTokens: 'spent_tokens',
  /** `<tenant_id>.<uuid>` → PortalSession. */
  portalSessions: 'portal_sessions',
  /** `<tenant_id>.<schedule_id>` → Schedule. */
  schedules: 'schedules',
  /** The same → ScheduleProgress. */
  scheduleProgress: 'schedule_progress',
  /** Name of a service → nothing: written to see whether writes succeed. */
  probes: 'probes',
} as const;
export type BucketName = (typeof BUCKETS)[keyof typeof BUCKETS];

/** The stream of a bucket. */
export function bucketStream(bucket: BucketName): string {
  return `KV_${bucket}`;
}

/** Every stream there is, those of buckets included. */
export const STREAM_NAMES: readonly string[] = [
  ...streams(DEFAULT_TOPOLOGY).map(({ name }) => name),
  ...Object.values(BUCKETS).map(bucketStream),
];

/**
 * An executor whose heartbeat is older counts as not serving its contracts; it writes one every third of this time. Its
 * jobs are taken over by their lease (`ERRAND_LEASE_MS`) alone.
 */
export const EXECUTOR_ALIVE_MS = 15_000;

/** How long an Idempotency-Key is remembered. */
export const IDEMPOTENCY_DAYS = 7;

/** How long a sign-in code may live; sessions live shorter. */
export const SIGN_IN_CODE_MAX_S = 86_400;
/** How long a bulk action is kept after its last change. */
export const BULK_ACTION_DAYS = 7;

/** Buckets whose entries expire, and after how many milliseconds. */
export const BUCKET_TTL_MS: Partial<Record<BucketName, number>> = {
  idempotency: IDEMPOTENCY_DAYS * 86_400_000,
  bulk_actions: BULK_ACTION_DAYS * 86_400_000,
  executors: EXECUTOR_ALIVE_MS,
  spent_tokens: SIGN_IN_CODE_MAX_S * 1_000,
  portal_sessions: PORTAL_SESSION_MAX_S * 1_000,
};
