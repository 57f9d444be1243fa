import { z } from 'zod';
import { Instant, type JobEventType, Metadata } from '../events/events.ts';
import { isEndingType, JOB_ENDINGS } from '../events/job-endings.ts';
import { ActionName, TenantId } from '../ids.ts';
import { WEBHOOK_EVENT_TYPES, WEBHOOK_INCLUDES, type WebhookEventType } from './job-webhook.ts';

/** The webhook type of an event that ends a job, or undefined for the others. */
export function webhookEventTypeOf(type: JobEventType): WebhookEventType | undefined {
  return isEndingType(type) ? `job.${JOB_ENDINGS[type]}` : undefined;
}

/**
 * The endpoint id of the record whose signing secrets a tenant's per-job webhooks use. It is in the bucket before the
 * first such job is accepted, and itself receives nothing.
 */
export const JOB_WEBHOOKS_RECORD = 'job';

/** News about an endpoint, for the tenant's other endpoints that ask for it. */
export const ENDPOINT_NEWS_TYPES = ['webhook.failing', 'webhook.disabled', 'webhook.recovered'] as const;
export type EndpointNewsType = (typeof ENDPOINT_NEWS_TYPES)[number];

/** What an endpoint may ask for: single types of event, all endings of jobs, all news of other endpoints. */
export const WEBHOOK_EVENT_FILTERS = [
  ...WEBHOOK_EVENT_TYPES,
  'job.*',
  ...ENDPOINT_NEWS_TYPES,
  'webhook.*',
] as const;
export type WebhookEventFilter = (typeof WEBHOOK_EVENT_FILTERS)[number];

/** A secret encrypted with AES-256-GCM, as `libs/runtime` seals it. */
const Sealed = z.string();

/**
 * Where a tenant wants the ends of jobs reported, as stored. `POST` sends the event as JSON; `GET` calls the URL with
 * its `<JOB_ID> <STATUS> <ACTION> <TENANT_ID>` filled in and no body.
 */
export const WebhookEndpoint = z.object({
  endpoint_id: z.string(),
  tenant_id: TenantId,
  url: z.string().max(2048),
  method: z.enum(['POST', 'GET']),
  description: z.string().max(500),
  enabled: z.boolean(),
  /** An event must match this list and, if set, the two filters below. */
  event_types: z.array(z.enum(WEBHOOK_EVENT_FILTERS)).min(1),
  /** Names of the actions whose jobs it is told about; absent for all. */
  actions: z.array(ActionName).min(1).optional(),
  /** What a job's metadata must hold, each value literally. */
  metadata: Metadata.optional(),
  /** What messages also include, as of when the job ended; absent for nothing. */
  include: z.array(z.enum(WEBHOOK_INCLUDES)).min(1).optional(),
  /** Most attempts begun in a second; absent for no limit. */
  max_rps: z.int().min(1).max(10_000).optional(),
  /** Most attempts under way at once; absent for 16. */
  max_concurrency: z.int().min(1).max(64).optional(),
  /** Base64 key material of the Standard Webhooks signature, sealed. */
  signing_secret: Sealed,
  /** Replaced secrets, sealed like `signing_secret`: requests are signed with them too until they expire. */
  previous_signing_secrets: z
    .array(z.object({ secret: Sealed, expires_at: Instant }))
    .max(3)
    .optional(),
  basic_auth: z.object({ username: z.string(), password: Sealed }).nullable(),
  /** Header name → sealed value. */
  secret_headers: z.record(z.string(), Sealed),
  /** From then on it counts as deleted; absent for one that stays. */
  expires_at: Instant.optional(),
  created_at: Instant,
  updated_at: Instant,
  /**
   * The log's version just before the record was first written: the endpoint gets endings above it. Absent on records
   * of older programs, which did not store it: those get what ended after `created_at`.
   */
  hears_after: z.int().min(0).optional(),
});
export type WebhookEndpoint = z.infer<typeof WebhookEndpoint>;

export function isExpired({ expires_at }: Pick<WebhookEndpoint, 'expires_at'>, nowMs: number): boolean {
  return expires_at !== undefined && Date.parse(expires_at) <= nowMs;
}
