import type { Database, Db } from '@errand/postgres';
import { type Selectable, sql } from 'kysely';
import { type Breaker, CLOSED } from '../pacing/breaker.ts';
import type { QueueKey } from '../pacing/queue-pages.ts';
import type { EndpointState } from './endpoint-state.ts';

/** A state, and when somebody last asked for its endpoint to be tried again. */
export interface StoredState {
  readonly tenantId: string;
  readonly state: EndpointState;
  readonly liftedMs: number | null;
}

/**
 * The states of the endpoints of some shards, by endpoint id; and those of all disabled ones, and of all that were to
 * be tried again within the last minutes.
 */
export async function loadStates(db: Db, shards: readonly number[]): Promise<Map<string, StoredState>> {
  const rows = await db
    .selectFrom('webhook_endpoint_state')
    .selectAll()
    .where((eb) =>
      eb.or([
        eb('state', '=', 'disabled'),
        eb('shard', 'in', shards.length > 0 ? [...shards] : [-1]),
        eb('lifted_at', '>', sql<Date>`now() - interval '5 minutes'`),
      ]),
    )
    .execute();
  return new Map(
    rows.map((row) => [
      row.endpoint_id,
      { tenantId: row.tenant_id, state: stateOf(row), liftedMs: msOf(row.lifted_at) },
    ]),
  );
}

function stateOf(row: Selectable<Database['webhook_endpoint_state']>): EndpointState {
  return {
    state: row.state,
    failingSinceMs: msOf(row.failing_since),
    failedAttempts: row.failed_attempts,
    lastSuccessMs: msOf(row.last_success_at),
    lastFailureMs: msOf(row.last_failure_at),
    goneMs: msOf(row.gone_at),
    disabledMs: msOf(row.disabled_at),
    disabledReason: row.disabled_reason,
    disabledRecordMs: msOf(row.disabled_record),
    breaker: breakerOf(row),
    receiver: row.receiver,
    recordMs: msOf(row.record_at),
  };
}

/** Writes down that an endpoint is to be tried again, for the process that sends to it; resolves with the time of that. */
export async function storeLift(
  db: Db,
  { tenantId, endpointId }: Pick<QueueKey, 'tenantId' | 'endpointId'>,
): Promise<number | null> {
  const row = await db
    .updateTable('webhook_endpoint_state')
    .set({ lifted_at: sql<string>`now()` })
    .where('endpoint_id', '=', endpointId)
    .where('tenant_id', '=', tenantId)
    .returning('lifted_at')
    .executeTakeFirst();
  return msOf(row?.lifted_at ?? null);
}

/** Stores states, in one statement. */
export async function saveStates(
  db: Db,
  states: readonly { key: QueueKey; state: EndpointState }[],
  nowMs: number,
): Promise<void> {
  if (states.length === 0) return;
  const rows = states.map(({ key, state }) => ({
    endpoint_id: key.endpointId,
    tenant_id: key.tenantId,
    shard: key.shard,
    state: state.state,
    failing_since: timestamp(state.failingSinceMs),
    failed_attempts: state.failedAttempts,
    last_success_at: timestamp(state.lastSuccessMs),
    last_failure_at: timestamp(state.lastFailureMs),
    gone_at: timestamp(state.goneMs),
    disabled_at: timestamp(state.disabledMs),
    disabled_reason: state.disabledReason,
    disabled_record: timestamp(state.disabledRecordMs),
    breaker: state.breaker.kind,
    probe_step: state.breaker.kind === 'closed' ? 0 : state.breaker.step,
    next_probe_at: timestamp(state.breaker.kind === 'open' ? state.breaker.nextProbeMs : null),
    updated_at: new Date(nowMs).toISOString(),
    receiver: state.receiver,
    record_at: timestamp(state.recordMs),
  }));
  await sql`
    insert into webhook_endpoint_state
    select * from json_populate_recordset(null::webhook_endpoint_state, ${JSON.stringify(rows)}::json)
    on conflict (endpoint_id) do update set
      state = excluded.state, failing_since = excluded.failing_since, failed_attempts = excluded.failed_attempts,
      last_success_at = excluded.last_success_at, last_failure_at = excluded.last_failure_at,
      gone_at = excluded.gone_at, disabled_at = excluded.disabled_at, disabled_reason = excluded.disabled_reason,
      disabled_record = excluded.disabled_record, breaker = excluded.breaker, probe_step = excluded.probe_step,
      next_probe_at = excluded.next_probe_at, updated_at = excluded.updated_at,
      receiver = excluded.receiver, record_at = excluded.record_at`.execute(db);
}

/** Forgets the states that are older than a time, of endpoints that are gone; resolves with their number. */
export async function dropStates(
  db: Db,
  beforeMs: number,
  isGone: (endpoint: Pick<QueueKey, 'tenantId' | 'endpointId'>) => boolean,
): Promise<number> {
  const old = await db
    .selectFrom('webhook_endpoint_state')
    .select(['endpoint_id as endpointId', 'tenant_id as tenantId'])
    .where('updated_at', '<', new Date(beforeMs))
    .execute();
  const gone = old.filter(isGone).map(({ endpointId }) => endpointId);
  if (gone.length === 0) return 0;
  const { numDeletedRows } = await db
    .deleteFrom('webhook_endpoint_state')
    .where('endpoint_id', 'in', gone)
    .where('updated_at', '<', new Date(beforeMs))
    .executeTakeFirst();
  return Number(numDeletedRows);
}

/** A breaker that was half open begins with a probe again. */
function breakerOf(row: {
  breaker: Breaker['kind'];
  probe_step: number;
  next_probe_at: Date | null;
}): Breaker {
  if (row.breaker === 'closed') return CLOSED;
  return { kind: 'open', step: row.probe_step, nextProbeMs: msOf(row.next_probe_at) ?? 0 };
}

function msOf(time: Date | null): number | null {
  return time === null ? null : time.getTime();
}

function timestamp(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
