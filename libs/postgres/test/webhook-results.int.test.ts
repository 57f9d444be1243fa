import { createTestDatabase } from '@errand/testkit';
import { type Kysely, sql } from 'kysely';
import { expect, test } from 'vitest';
import { openDatabase } from '../src/connect.ts';
import { createWebhooks } from '../src/migrations/002-webhooks.ts';
import { settleWebhookPlans } from '../src/migrations/004-webhook-plans.ts';
import { nameWebhookReceivers } from '../src/migrations/005-webhook-receivers.ts';
import { keepWebhookResults } from '../src/migrations/007-webhook-results.ts';

const EVENT = '0198c5a0-0000-7000-8000-000000000001';

test('deliveries that were pending before continue, without results', async () => {
  await using database = await createTestDatabase();
  await using opened = openDatabase({ url: database.url, name: 'test', poolSize: 1 });
  const db = opened as unknown as Kysely<unknown>;
  for (const up of [createWebhooks, settleWebhookPlans, nameWebhookReceivers]) await up(db);
  await sql`create table message_rows partition of webhook_message default`.execute(db);
  await sql`create table delivery_rows partition of webhook_delivery default`.execute(db);
  await sql`
    insert into webhook_message (event_id, tenant_id, job_id, action, type, status, body)
    values (${EVENT}, 'acme', ${EVENT}, 'hello', 'job.succeeded', 'succeeded', '{}')`.execute(db);
  await sql`
    insert into webhook_delivery
      (event_id, endpoint_id, tenant_id, shard, state, attempts, due_at, expires_at, updated_at)
    values (${EVENT}, 'e1', 'acme', 3, 'pending', 2, now(), now() + interval '1 day', now())`.execute(db);
  await keepWebhookResults(db);
  const { rows } = await sql`
    select event_id, attempts, body, with_results from webhook_due_pages(
      array[3]::smallint[], array['e1'], array[10], array[0], array['-infinity']::timestamptz[],
      array['00000000-0000-0000-0000-000000000000']::uuid[], now() + interval '1 hour')`.execute(db);
  expect(rows).toEqual([{ event_id: EVENT, attempts: 2, body: '{}', with_results: false }]);
  const { rows: messages } = await sql`select results from webhook_message`.execute(db);
  expect(messages).toEqual([{ results: null }]);
});
