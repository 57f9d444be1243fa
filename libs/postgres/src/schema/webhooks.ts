import type { ColumnType } from 'kysely';

type Timestamp = ColumnType<Date, string, string>;

/** What an event tells its receivers, fixed at fan-out so that every attempt sends the same bytes. */
export interface WebhookMessageTable {
  event_id: string;
  tenant_id: string;
  job_id: string;
  action: string;
  /** Such as `job.succeeded`. */
  type: string;
  /** The job's status word, for URL templates. */
  status: string;
  /** The JSON body of a POST. */
  body: string;
}

export const DELIVERY_STATES = ['pending', 'delivered', 'failed', 'expired', 'canceled'] as const;
export type DeliveryState = (typeof DELIVERY_STATES)[number];

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
  due_at: Timestamp;
  expires_at: Timestamp;
  updated_at: Timestamp;
}

/** One HTTP exchange, or the lack of one. */
export interface WebhookAttemptTable {
  event_id: string;
  endpoint_id: string;
  /** Counts from 1. */
  attempt: number;
  started_at: Timestamp;
  duration_ms: number;
  /** HTTP status, or null when no answer came. */
  status: number | null;
  /** Why it failed, or null. */
  error_code: string | null;
  /** The first 4 KiB of the answer, as text. */
  response: string | null;
}
