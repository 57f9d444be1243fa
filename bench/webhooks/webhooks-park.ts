import { randomUUIDv7 } from 'node:crypto';
import type { WebhookEndpoint } from '@errand/contracts';
import { createDailyPartitions, type Db, shardOf } from '@errand/postgres';

const ROWS_AT_ONCE = 2_000;
const LIFE_MS = 72 * 3_600_000;
const SINCE_MS = 3_600_000;

/** Gives an endpoint deliveries that have been due for up to an hour, in the form in which the service writes them. */
export async function parkDeliveries(db: Db, endpoint: WebhookEndpoint, rows: number): Promise<void> {
  const { tenant_id, endpoint_id } = endpoint;
  const shard = shardOf(endpoint_id);
  for (const table of ['webhook_message', 'webhook_delivery'] as const) {
    await createDailyPartitions(db, table).ensureFor([randomUUIDv7()]);
  }
  const expires_at = new Date(Date.now() + LIFE_MS).toISOString();
  for (let from = 0; from < rows; from += ROWS_AT_ONCE) {
    const ids = Array.from({ length: Math.min(ROWS_AT_ONCE, rows - from) }, () => randomUUIDv7());
    await db
      .insertInto('webhook_message')
      .values(ids.map((event_id) => ({ event_id, tenant_id, ...messageOf(event_id, tenant_id) })))
      .execute();
    await db
      .insertInto('webhook_delivery')
      .values(
        ids.map((event_id, index) => {
          const due_at = new Date(Date.now() - SINCE_MS * (1 - (from + index) / rows)).toISOString();
          return {
            event_id,
            endpoint_id,
            tenant_id,
            shard,
            state: 'pending' as const,
            attempts: 0,
            schedule_offset: 0,
            url: null,
            due_at,
            expires_at,
            updated_at: due_at,
          };
        }),
      )
      .execute();
  }
}

function messageOf(event_id: string, tenantId: string) {
  const type = 'job.succeeded';
  const data = { job_id: event_id, status: 'succeeded', action: 'render', tenant_id: tenantId };
  const body = JSON.stringify({ type, timestamp: new Date().toISOString(), data: { ...data, metadata: {} } });
  return { job_id: event_id, action: 'render', type, status: 'succeeded', body };
}
