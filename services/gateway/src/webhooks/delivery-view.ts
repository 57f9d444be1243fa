import { uuidV7TimeMs } from '@errand/contracts';
import { deliveryIdOf } from './delivery-id.ts';
import type { AttemptRow, DeliveryRow } from './delivery-log.ts';

/** A delivery as callers read it. */
export function deliveryView(row: DeliveryRow) {
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

/** An attempt as callers read it. Its headers were stored with their secrets blanked out. */
export function attemptView(row: AttemptRow) {
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
