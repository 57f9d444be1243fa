import type { Db } from '@errand/postgres';
import { sql } from 'kysely';

const DAY_MS = 86_400_000;
/** The shortest time for which the delivery log can be kept. */
const LEAST_KEPT_MS = 2 * DAY_MS;

export interface Owed {
  readonly eventId: string;
  readonly endpointId: string;
  readonly jobId: string;
  readonly tenantId: string;
}

/** Those that have no delivery. */
export async function withoutDelivery(db: Db, owed: readonly Owed[]): Promise<Owed[]> {
  if (owed.length === 0) return [];
  const { rows } = await sql<{ nr: number }>`
    select wanted.nr from unnest(
      ${owed.map(({ eventId }) => eventId)}::uuid[], ${owed.map(({ endpointId }) => endpointId)}::text[]
    ) with ordinality as wanted (event_id, endpoint_id, nr)
    where not exists (
      select from webhook_delivery d where d.event_id = wanted.event_id and d.endpoint_id = wanted.endpoint_id)`.execute(
    db,
  );
  return rows.flatMap(({ nr }) => owed[nr - 1] ?? []);
}

/** From when on the delivery log is kept, Unix milliseconds: what is older may have been dropped. */
export async function deliveriesKeptSince(db: Db, nowMs: number): Promise<number> {
  const { rows } = await sql<{ day: string | null }>`
    select min(substring(child.relname from '_(\\d{8})$')) as day
    from pg_inherits join pg_class child on child.oid = inhrelid
    where inhparent = 'webhook_delivery'::regclass`.execute(db);
  const [, year, month, day] = /^(\d{4})(\d{2})(\d{2})$/.exec(rows[0]?.day ?? '') ?? [];
  const oldestMs =
    year === undefined ? Number.POSITIVE_INFINITY : Date.UTC(+year, +(month ?? 1) - 1, +(day ?? 1));
  return Math.min(oldestMs, nowMs - LEAST_KEPT_MS);
}

/** When the service disabled an endpoint, Unix milliseconds, by endpoint id. */
export async function readDisabled(db: Db): Promise<Map<string, number>> {
  const rows = await db
    .selectFrom('webhook_endpoint_state')
    .select(['endpoint_id', 'disabled_at'])
    .where('state', '=', 'disabled')
    .execute();
  return new Map(rows.map((row) => [row.endpoint_id, row.disabled_at?.getTime() ?? 0]));
}

/** The next delivery of an endpoint. */
export interface Head {
  readonly tenantId: string;
  readonly endpointId: string;
  readonly eventId: string;
  readonly attempts: number;
  readonly dueAt: Date;
}

/**
 * The next delivery of each endpoint that is healthy and has one that has been due for `graceMs`, by Postgres' clock. Endpoints that fail, or that
 * the service has stopped calling for a while, are left out: they wait on purpose.
 */
export async function overdueHeads(
  db: Db,
  wanted: { graceMs: number; tenantId: string | undefined },
): Promise<Head[]> {
  const dueBefore = sql`now() - ${wanted.graceMs} * interval '1 millisecond'`;
  const ofTenant = wanted.tenantId === undefined ? sql`true` : sql`d.tenant_id = ${wanted.tenantId}`;
  const { rows } = await sql<Head>`
    select distinct on (d.shard, d.endpoint_id) d.tenant_id as "tenantId", d.endpoint_id as "endpointId",
      d.event_id as "eventId", d.attempts, d.due_at as "dueAt"
    from webhook_delivery d left join webhook_endpoint_state s using (endpoint_id)
    where d.state = 'pending' and d.due_at < ${dueBefore} and d.updated_at < ${dueBefore}
      and ${ofTenant} and coalesce(s.state, 'active') = 'active' and coalesce(s.breaker, 'closed') = 'closed'
    order by d.shard, d.endpoint_id, d.due_at, d.event_id`.execute(db);
  return rows;
}
