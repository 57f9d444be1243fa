import { randomUUIDv7 } from 'node:crypto';
import {
  createDailyPartitions,
  type Database,
  type Db,
  migrate,
  openDatabase,
  shardOf,
} from '@errand/postgres';
import { type Insertable, sql } from 'kysely';
import { TENANT, type TestGateway } from './gateway.ts';

/* Test-only: what the webhooks service would have written. */

type Row<T extends keyof Database> = Insertable<Database[T]>;

export interface TestDeliveries extends AsyncDisposable {
  readonly db: Db;
  /** One delivery and its message; resolves with its event's id. */
  deliver(
    endpointId: string,
    change?: { delivery?: Partial<Row<'webhook_delivery'>>; message?: Partial<Row<'webhook_message'>> },
  ): Promise<string>;
  /** So many deliveries and their messages, all of them newer than those before. */
  fill(endpointId: string, count: number): Promise<void>;
  attempt(eventId: string, endpointId: string, change: Partial<Row<'webhook_attempt'>>): Promise<void>;
}

/** With all tables made. */
export async function openDeliveries(gateway: TestGateway): Promise<TestDeliveries> {
  const db = openDatabase({ url: gateway.database.url, name: 'test', poolSize: 2 });
  await migrate(db);
  const tables = ['webhook_message', 'webhook_delivery', 'webhook_attempt'] as const;
  const partitions = tables.map((table) => createDailyPartitions(db, table));
  const at = new Date().toISOString();
  return {
    db,
    async deliver(endpointId, { delivery = {}, message = {} } = {}) {
      const event_id = delivery.event_id ?? nextId();
      for (const each of partitions) await each.ensureFor([event_id]);
      const told = { event_id, tenant_id: TENANT, job_id: randomUUIDv7(), action: 'simulate' };
      await db
        .insertInto('webhook_message')
        .values({ ...told, type: 'job.succeeded', status: 'succeeded', body: '{}', ...message })
        .onConflict((conflict) => conflict.doNothing())
        .execute();
      const sent = { event_id, tenant_id: TENANT, endpoint_id: endpointId, shard: shardOf(endpointId) };
      await db
        .insertInto('webhook_delivery')
        .values({
          ...sent,
          state: 'delivered',
          attempts: 1,
          schedule_offset: 0,
          due_at: at,
          expires_at: at,
          updated_at: at,
          ...delivery,
        })
        .execute();
      return event_id;
    },
    async fill(endpointId, count) {
      const ids = Array.from({ length: count }, nextId);
      for (const each of partitions) await each.ensureFor(ids);
      await sql`
        insert into webhook_message (event_id, tenant_id, job_id, action, type, status, body)
        select id, ${TENANT}, id, 'simulate', 'job.succeeded', 'succeeded', '{}' from unnest(${ids}::uuid[]) as t (id)
      `.execute(db);
      await sql`
        insert into webhook_delivery
          (event_id, endpoint_id, tenant_id, shard, state, attempts, due_at, expires_at, updated_at)
        select id, ${endpointId}, ${TENANT}, ${shardOf(endpointId)}, 'delivered', 1, now(), now(), now()
        from unnest(${ids}::uuid[]) as t (id)
      `.execute(db);
    },
    async attempt(event_id, endpoint_id, change) {
      await db
        .insertInto('webhook_attempt')
        .values({
          event_id,
          endpoint_id,
          attempt: 1,
          trigger: 'auto',
          started_at: at,
          duration_ms: 7,
          status: 200,
          error_code: null,
          request_headers: '{"x-key":"[redacted]"}',
          response: 'ok',
          ...change,
        })
        .execute();
    },
    [Symbol.asyncDispose]: () => db.destroy(),
  };
}

let lastId = '';

/** Behind all before it: of one millisecond, ids come in no order. */
function nextId(): string {
  let id = randomUUIDv7();
  while (id <= lastId) id = randomUUIDv7();
  lastId = id;
  return id;
}
