import type { ColumnType } from 'kysely';

type Timestamp = ColumnType<Date, string, string>;
type Defaulted<T> = ColumnType<T, T | undefined, T>;

/** What an event tells its receivers, fixed at fan-out so that every attempt sends the same bytes. */
export interface WebhookMessageTable {
  event_id: string;
  tenant_id: string;
  /** This and the next describe the job that ended; null for news of an endpoint. */
  job_id: string | null;
  action: string | null;
  /** Such as `job.succeeded`. */
  type: string;
  /** The job's status word, for URL templates. */
  status: string | null;
  /** The JSON body of a POST. */
  body: string;
  /** Added to the body's data for a receiver that asks for results, as a JSON object. */
  results: Defaulted<string | null>;
  /** Of the event: the trace that calls of receivers are part of. */
  traceparent: Defaulted<string | null>;
}

export const DELIVERY_STATES = ['pending', 'delivered', 'failed', 'expired', 'canceled'] as const;
export type DeliveryState = (typeof DELIVERY_STATES)[number];

/** What began a round of attempts: the event itself, a redelivery or a replay. */
export type RoundTrigger = 'auto' | 'manual' | 'replay';

/** Why an attempt was made: what began its round, unless it was an open breaker's probe. */
export type AttemptTrigger = RoundTrigger | 'probe';

/**
 * One event for one endpoint. No state says "being sent": a result is written only if `attempts` is still what the
 * sender saw, so a sender that dies or comes too late changes nothing.
 */
export interface WebhookDeliveryTable {
  event_id: string;
  endpoint_id: string;
  tenant_id: string;
  /** Spreads endpoints over senders: 0-255, from the endpoint's id. */
  shard: number;
  state: DeliveryState;
  /** Attempts made so far. */
  attempts: number;
  /** Of these, how many belong to earlier rounds: a redelivery begins the retry schedule anew. */
  schedule_offset: number;
  trigger: Defaulted<RoundTrigger>;
  /** Where a job's own webhook goes; null for deliveries to an endpoint, whose record has the URL. */
  url: string | null;
  /** Whether the body carries the message's results. */
  with_results: Defaulted<boolean>;
  due_at: Timestamp;
  expires_at: Timestamp;
  updated_at: Timestamp;
}

/** One HTTP exchange, or the failure to get one. */
export interface WebhookAttemptTable {
  event_id: string;
  endpoint_id: string;
  /** Counts from 1. */
  attempt: number;
  trigger: AttemptTrigger;
  started_at: Timestamp;
  duration_ms: number;
  /** HTTP status, or null when no answer came. */
  status: number | null;
  /** Why it failed, or null. */
  error_code: string | null;
  /** What was sent, with the values of secret headers blanked out. Written as JSON text. */
  request_headers: ColumnType<Record<string, string>, string, string>;
  /** The first 4 KiB of the answer, as text. */
  response: string | null;
}

export type EndpointHealth = 'active' | 'failing' | 'disabled';

/** How an endpoint is doing. Written by the process that sends for it; absent until its first attempt. */
export interface WebhookEndpointStateTable {
  endpoint_id: string;
  tenant_id: string;
  shard: number;
  state: EndpointHealth;
  /** The first failure after the last success. */
  failing_since: Timestamp | null;
  /** Attempts that failed since then. */
  failed_attempts: number;
  last_success_at: Timestamp | null;
  last_failure_at: Timestamp | null;
  /** When it first answered 410, if nothing else came since. */
  gone_at: Timestamp | null;
  disabled_at: Timestamp | null;
  disabled_reason: 'gone' | 'failing' | null;
  /** `updated_at` of the record that was disabled; a changed record is not disabled. */
  disabled_record: Timestamp | null;
  breaker: 'closed' | 'open' | 'half_open';
  probe_step: number;
  next_probe_at: Timestamp | null;
  updated_at: Timestamp;
  /** `receiverOf` the URL that this is about; null if that was not recorded. */
  receiver: string | null;
  /** `updated_at` of the record that was in force when this was written. */
  record_at: Timestamp | null;
  /** When somebody last asked for it to be tried again, by Postgres' clock. */
  lifted_at: Timestamp | null;
}

/**
 * A lease: who sends for the endpoints of a shard. If two processes believe they do, no delivery is lost or doubled for
 * ever.
 */
export interface WebhookShardTable {
  shard: number;
  owner: string | null;
  expires_at: Timestamp | null;
}

/** The processes that take a share of the shards. */
export interface WebhookOwnerTable {
  owner: string;
  expires_at: Timestamp;
}

/** Deliveries to be repeated, or made for the first time, from what the table and the event log hold. */
export interface WebhookReplayTable {
  replay_id: string;
  tenant_id: string;
  endpoint_id: string;
  since: Timestamp;
  until: Timestamp;
  which: 'failed' | 'expired' | 'missed' | 'all';
  /** Event types; null for all. */
  types: string[] | null;
  /** Only counts. */
  dry_run: boolean;
  state: 'running' | 'done' | 'failed' | 'canceled';
  /** First the deliveries that exist, then the events that have none. */
  phase: 'deliveries' | 'log';
  /** How far the phase has got: an event id, then a version of the log. */
  cursor: string | null;
  /** Deliveries found. */
  matched: number;
  /** Of these, how many were made pending. */
  scheduled: number;
  error: string | null;
  /** When it is worked on next. */
  due_at: ColumnType<Date, string | undefined, string>;
  created_at: Timestamp;
  updated_at: Timestamp;
}
