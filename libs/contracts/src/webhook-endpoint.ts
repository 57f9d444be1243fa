import { z } from 'zod';
import { Instant, type JobEventType } from './events.ts';
import { TenantId } from './ids.ts';

export const WEBHOOK_EVENT_TYPES = ['job.succeeded', 'job.failed', 'job.canceled', 'job.expired'] as const;
export type WebhookEventType = (typeof WEBHOOK_EVENT_TYPES)[number];

const EVENT_TYPE_OF: Partial<Record<JobEventType, WebhookEventType>> = {
  JobSucceeded: 'job.succeeded',
  JobFailed: 'job.failed',
  JobCanceled: 'job.canceled',
  JobExpired: 'job.expired',
};

/** The webhook type of an event that ends a job, or undefined for the others. */
export function webhookEventTypeOf(type: JobEventType): WebhookEventType | undefined {
  return EVENT_TYPE_OF[type];
}

/** A secret under AES-256-GCM, as `libs/runtime` seals it. */
const Sealed = z.string();

/**
 * Where a tenant wants to be told of ended jobs, as stored. `POST` sends the event as JSON; `GET` calls the URL
 * with its `<JOB_ID> <STATUS> <ACTION> <TENANT_ID>` filled in and no body.
 */
export const WebhookEndpoint = z.object({
  endpoint_id: z.string(),
  tenant_id: TenantId,
  url: z.string().max(2048),
  method: z.enum(['POST', 'GET']),
  description: z.string().max(500),
  enabled: z.boolean(),
  event_types: z.array(z.enum(WEBHOOK_EVENT_TYPES)).min(1),
  /** Base64 key material of the Standard Webhooks signature, sealed. */
  signing_secret: Sealed,
  basic_auth: z.object({ username: z.string(), password: Sealed }).nullable(),
  /** Header name → sealed value. */
  secret_headers: z.record(z.string(), Sealed),
  created_at: Instant,
  updated_at: Instant,
});
export type WebhookEndpoint = z.infer<typeof WebhookEndpoint>;
