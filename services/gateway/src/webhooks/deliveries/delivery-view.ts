import { ActionName, EventId, Instant, JobId, uuidV7TimeMs } from '@errand/contracts';
import { DELIVERY_STATES } from '@errand/postgres';
import { z } from 'zod';
import { named } from '../../openapi/schemas.ts';
import { deliveryIdOf } from './delivery-id.ts';
import type { AttemptRow, DeliveryRow } from './delivery-rows.ts';

/** One event for one endpoint. `job_id` and `action` are null for news of an endpoint. */
export const DeliveryView = named(
  'Delivery',
  z.object({
    delivery_id: z.string().meta({ description: '`<event_id>.<endpoint_id>`' }),
    event_id: EventId,
    endpoint_id: z.string(),
    job_id: JobId.nullable(),
    action: ActionName.nullable(),
    type: z.string().meta({ description: 'Such as `job.succeeded`.' }),
    status: z.enum(DELIVERY_STATES),
    attempts: z.int(),
    next_attempt_at: Instant.nullable(),
    expires_at: Instant,
    url: z.string().nullable().meta({ description: "Of a run's own webhook; null for endpoints." }),
    created_at: Instant,
    updated_at: Instant,
  }),
);

/** A delivery as callers read it. */
export function deliveryView(row: DeliveryRow): z.infer<typeof DeliveryView> {
  const isPending = row.state === 'pending';
  return {
    delivery_id: deliveryIdOf({ eventId: row.event_id, endpointId: row.endpoint_id }),
    event_id: row.event_id,
    endpoint_id: row.endpoint_id,
    job_id: row.job_id,
    action: row.action,
    type: row.type,
    status: row.state,
    attempts: row.attempts,
    next_attempt_at: isPending ? row.due_at.toISOString() : null,
    expires_at: row.expires_at.toISOString(),
    url: row.url,
    created_at: new Date(uuidV7TimeMs(row.event_id)).toISOString(),
    updated_at: row.updated_at.toISOString(),
  };
}

export const AttemptView = named(
  'DeliveryAttempt',
  z.object({
    number: z.int().min(1),
    trigger: z.enum(['auto', 'manual', 'replay', 'probe']),
    started_at: Instant,
    duration_ms: z.number(),
    status: z.int().nullable().meta({ description: 'HTTP status, or null when no answer came.' }),
    error_code: z.string().nullable(),
    request_headers: z.record(z.string(), z.string()).meta({ description: 'Secrets blanked out.' }),
    response: z.string().nullable().meta({ description: 'The first 4 KiB.' }),
  }),
);

/** An attempt as callers read it. Its headers were stored with their secrets blanked out. */
export function attemptView(row: AttemptRow): z.infer<typeof AttemptView> {
  return {
    number: row.attempt,
    trigger: row.trigger,
    started_at: row.started_at.toISOString(),
    duration_ms: row.duration_ms,
    status: row.status,
    error_code: row.error_code,
    request_headers: row.request_headers,
    response: row.response,
  };
}
