import { type Kysely, sql } from 'kysely';

/*
 * A partition grows from nothing to 100,000 rows between two looks of Postgres, which may then believe for a minute
 * that nothing is pending. Whatever index holds pending rows looks empty to it, and is read from end to end instead of
 * being searched. So the statements of deliveries are left one way that is right at any size: an index that is not
 * theirs has a condition that theirs does not imply, and a row is found by its key.
 */
export async function settleWebhookPlans(db: Kysely<unknown>): Promise<void> {
  await sql`drop index webhook_delivery_expiry`.execute(db);
  await sql`
    create index webhook_delivery_expiry on webhook_delivery ((case state when 'pending' then expires_at end))
    where (case state when 'pending' then expires_at end) is not null`.execute(db);
  // Endings that are rare, for the delivery log by state and for replays of what failed.
  await sql`
    create index webhook_delivery_unsuccessful on webhook_delivery (endpoint_id, state, event_id)
    where state in ('failed', 'expired', 'canceled')`.execute(db);
  await sql`create index webhook_replay_endpoint on webhook_replay (endpoint_id, replay_id)`.execute(db);
  await settleRecording(db);
}

/**
 * Stores attempts, and what they make of deliveries that are still as the attempt found them. A loop, so that each
 * delivery is found by its key: given the whole list to join, Postgres may read all that is pending instead, which
 * costs as much as a dead endpoint has waiting. `case` keeps it from the index of what is pending; and a plan that was
 * made while the table was small and is kept must not read all of it.
 */
async function settleRecording(db: Kysely<unknown>): Promise<void> {
  await sql`
    create or replace function webhook_record_attempts(
      event_ids uuid[], endpoint_ids text[], numbers int[], triggers text[], started timestamptz[], durations_ms int[],
      statuses int[], error_codes text[], headers text[], responses text[], states text[], due timestamptz[])
    returns void language plpgsql set enable_seqscan = off as $$
    begin
      for i in 1 .. cardinality(event_ids) loop
        update webhook_delivery
        set state = states[i], attempts = numbers[i], due_at = coalesce(due[i], due_at),
          updated_at = started[i] + durations_ms[i] * interval '1 millisecond'
        where event_id = event_ids[i] and endpoint_id = endpoint_ids[i]
          and case state when 'pending' then attempts end = numbers[i] - 1;
      end loop;
      insert into webhook_attempt
        (event_id, endpoint_id, attempt, trigger, started_at, duration_ms, status, error_code, request_headers, response)
      select event_id, endpoint_id, attempt, trigger, started_at, duration_ms, status, error_code, headers_text::json,
        response
      from unnest(
        event_ids, endpoint_ids, numbers, triggers, started, durations_ms, statuses, error_codes, headers, responses)
        as r (event_id, endpoint_id, attempt, trigger, started_at, duration_ms, status, error_code, headers_text, response)
      on conflict do nothing;
    end $$`.execute(db);
}
