import { CLOCK_TOLERANCE_MS, uuidV7Floor, uuidV7TimeMs } from '@errand/contracts';
import type { Database, Db } from '@errand/postgres';
import type { Logger } from '@errand/runtime';
import { type RawBuilder, type Selectable, sql } from 'kysely';
import { refuseForDatabase } from '../../jobs/database-failure.ts';
import type { DeliveryKey } from './delivery-id.ts';
import type { DeliveryPlace, DeliveryQuery } from './delivery-query.ts';

type Table<T extends keyof Database> = Selectable<Database[T]>;

/** A delivery and what it tells. */
export type DeliveryRow = Pick<
  Table<'webhook_delivery'>,
  'event_id' | 'endpoint_id' | 'state' | 'attempts' | 'url' | 'due_at' | 'expires_at' | 'updated_at'
> &
  Pick<Table<'webhook_message'>, 'job_id' | 'action' | 'type'>;

export type AttemptRow = Omit<Table<'webhook_attempt'>, 'event_id' | 'endpoint_id'>;

/** Whose deliveries: of a tenant, to all endpoints or to one. */
interface Owner {
  readonly tenantId: string;
  readonly endpointId?: string | undefined;
}

/** What was delivered, to whom and how. Every call throws Refusal database_unavailable. */
export interface DeliveryLog {
  /** Newest first. `last`: the place that the page has come to, undefined when there are no more. */
  page(owner: Owner, query: DeliveryQuery): Promise<{ rows: DeliveryRow[]; last: DeliveryPlace | undefined }>;
  ofJob(tenantId: string, jobId: string): Promise<DeliveryRow[]>;
  find(tenantId: string, key: DeliveryKey): Promise<DeliveryRow | undefined>;
  /** Of a delivery that is known to be the tenant's; newest first, a hundred at most. */
  attempts(key: DeliveryKey): Promise<AttemptRow[]>;
  /** Whether the tenant has deliveries to an endpoint, which may be gone itself. */
  hasAny(tenantId: string, endpointId: string): Promise<boolean>;
}

/** How many deliveries one page looks through for those that are wanted. */
const MAX_SCANNED = 5_000;
const MAX_ATTEMPTS = 100;
const MAX_OF_JOB = 1_000;
const FIRST_ID = '00000000-0000-0000-0000-000000000000';
const LAST_ID = 'ffffffff-ffff-ffff-ffff-ffffffffffff';

export function createDeliveryLog(db: Db, log: Logger): DeliveryLog {
  async function answered<T>(query: Promise<T>): Promise<T> {
    try {
      return await query;
    } catch (err) {
      return refuseForDatabase(err, log, 'delivery_log_failed');
    }
  }

  return {
    page: (owner, query) => answered(readPage(db, owner, query)),
    ofJob: (tenantId, jobId) => answered(select(db, ofJob(tenantId, jobId), MAX_OF_JOB)),
    find: async (tenantId, key) => (await answered(select(db, ofKey(tenantId, key), 1)))[0],
    attempts: ({ eventId, endpointId }) =>
      answered(
        db
          .selectFrom('webhook_attempt')
          .select(['attempt', 'trigger', 'started_at', 'duration_ms', 'status', 'error_code'])
          .select(['request_headers', 'response'])
          .where('event_id', '=', eventId)
          .where('endpoint_id', '=', endpointId)
          .orderBy('attempt', 'desc')
          .limit(MAX_ATTEMPTS)
          .execute(),
      ),
    async hasAny(tenantId, endpointId) {
      const newest = db
        .selectFrom('webhook_delivery')
        .select('tenant_id')
        .where('endpoint_id', '=', endpointId)
        .orderBy('event_id', 'desc')
        .limit(1);
      return (await answered(newest.executeTakeFirst()))?.tenant_id === tenantId;
    },
  };
}

/**
 * A page reads the newest deliveries after the cursor, in the order of an index, and passes over no more than a limit
 * of those that the filter does not want. A page that ends at that limit may be short or empty and still have a next one.
 */
async function readPage(db: Db, owner: Owner, query: DeliveryQuery) {
  const { statuses, types, jobId, limit } = query;
  const filters = [
    ...(statuses.length > 0 ? [sql`state = any(${statuses}::text[])`] : []),
    ...(types.length > 0 ? [sql`type = any(${types}::text[])`] : []),
  ];
  const most = filters.length === 0 ? limit + 1 : MAX_SCANNED;
  const scan: Scan = { owner, statuses, events: eventBounds(query), bounds: bounds(query), most };
  const source = jobId ? ofJob(owner.tenantId, jobId, [...scan.bounds, ...toEndpoint(owner)]) : scanned(scan);
  const rows = await select(db, filtered(source, filters), limit + 1);
  const page = rows.slice(0, limit);
  if (rows.length > limit) return { rows: page, last: placeOf(page.at(-1), owner) };
  return { rows: page, last: jobId ? undefined : await lastScanned(db, scan) };
}

/** An endpoint has one delivery of an event at most. */
function placeOf(row: DeliveryRow | undefined, { endpointId }: Owner): DeliveryPlace | undefined {
  if (!row) return undefined;
  const { event_id: eventId } = row;
  return endpointId === undefined ? { eventId, endpointId: row.endpoint_id } : { eventId };
}

/** The events from which to which one. */
function eventBounds({ fromId, belowId, after }: DeliveryQuery): Bounds {
  const reached = after && (after.endpointId === undefined ? sql`<` : sql`<=`);
  return [
    sql`event_id >= ${fromId ?? FIRST_ID}::uuid`,
    sql`event_id < ${belowId ?? LAST_ID}::uuid`,
    ...(after ? [sql`event_id ${reached} ${after.eventId}::uuid`] : []),
  ];
}

/** The same for deliveries: of the last event of a page, some may be left. */
function bounds(query: DeliveryQuery): Bounds {
  const { after } = query;
  return after?.endpointId === undefined
    ? eventBounds(query)
    : [...eventBounds(query), sql`(event_id < ${after.eventId}::uuid or endpoint_id > ${after.endpointId})`];
}

type Source = RawBuilder<unknown>;

async function select(db: Db, source: Source, limit: number): Promise<DeliveryRow[]> {
  const { rows } = await sql<DeliveryRow>`
    select * from ${source} found order by event_id desc, endpoint_id limit ${limit}`.execute(db);
  return rows;
}

function filtered(source: Source, filters: readonly RawBuilder<unknown>[]): Source {
  if (filters.length === 0) return source;
  return sql`(select * from ${source} unfiltered where ${sql.join(filters, sql` and `)})`;
}

const COLUMNS = sql`
  d.event_id, d.endpoint_id, d.state, d.attempts, d.url, d.due_at, d.expires_at, d.updated_at, m.job_id, m.action, m.type`;

type Bounds = readonly RawBuilder<unknown>[];

/** What is looked through for a page. */
interface Scan {
  readonly owner: Owner;
  /** Empty for all. */
  readonly statuses: readonly string[];
  readonly events: Bounds;
  readonly bounds: Bounds;
  /** So many, whatever is wanted of them. */
  readonly most: number;
}

/** These have indexes of their own, so what has another status is not looked through for them. */
const INDEXED: readonly string[] = ['failed', 'expired', 'canceled'];

/** A tenant's deliveries are found by its events, unless they have an index. */
function isByEvent({ owner, statuses }: Scan): boolean {
  return owner.endpointId === undefined && !areIndexed(statuses);
}

function areIndexed(statuses: readonly string[]): boolean {
  return statuses.length > 0 && statuses.every((status) => INDEXED.includes(status));
}

/** The newest deliveries, as many as a page looks through. Each finds its message by its key, or is found by it. */
function scanned(scan: Scan): Source {
  if (isByEvent(scan)) {
    return sql`(
      select ${COLUMNS}
      from ${newestEvents(scan)} m
      cross join lateral (
        select * from webhook_delivery where event_id = m.event_id and ${sql.join(scan.bounds, sql` and `)} offset 0) d)`;
  }
  return sql`(
    select ${COLUMNS}
    from ${newestDeliveries(scan)} d
    cross join lateral (select * from webhook_message where event_id = d.event_id limit 1) m
    where d.tenant_id = ${scan.owner.tenantId})`;
}

/** Undefined when the page has seen all there are. */
async function lastScanned(db: Db, scan: Scan): Promise<DeliveryPlace | undefined> {
  const places = isByEvent(scan)
    ? sql`select event_id, null as endpoint_id from ${newestEvents(scan)} m`
    : sql`select event_id, endpoint_id from ${newestDeliveries(scan)} d`;
  const { rows } = await sql<{ event_id: string; endpoint_id: string | null }>`
    ${places} order by event_id desc, endpoint_id offset ${scan.most - 1} limit 1`.execute(db);
  const [row] = rows;
  if (!row) return undefined;
  const { event_id: eventId, endpoint_id: endpointId } = row;
  const isWhole = endpointId === null || scan.owner.endpointId !== undefined;
  return isWhole ? { eventId } : { eventId, endpointId };
}

function newestEvents({ owner, events, most }: Scan): Source {
  return sql`(
    select event_id, job_id, action, type from webhook_message
    where tenant_id = ${owner.tenantId} and ${sql.join(events, sql` and `)}
    order by event_id desc limit ${most})`;
}

function newestDeliveries({ owner, statuses, bounds, most }: Scan): Source {
  const newest = (condition: RawBuilder<unknown>) => sql`(
    select * from webhook_delivery
    where ${ownedBy(owner)} and ${condition} and ${sql.join(bounds, sql` and `)}
    order by event_id desc, endpoint_id limit ${most})`;
  if (!areIndexed(statuses)) return newest(sql`true`);
  // Written out, since the index is only for those whose statement says so.
  const parts = [...new Set(statuses)].map((status) => newest(sql`state = ${sql.lit(status)}`));
  return sql`(
    select * from (${sql.join(parts, sql` union all `)}) each
    order by event_id desc, endpoint_id limit ${most})`;
}

function ownedBy(owner: Owner): RawBuilder<unknown> {
  const [condition = sql`tenant_id = ${owner.tenantId}`] = toEndpoint(owner);
  return condition;
}

function toEndpoint({ endpointId }: Owner): Bounds {
  return endpointId === undefined ? [] : [sql`endpoint_id = ${endpointId}`];
}

/**
 * `offset 0` keeps the order of the search, message first, also where Postgres knows nothing of a young partition yet,
 * and keeps the index by tenant from what is to be found by job.
 */
function ofJob(tenantId: string, jobId: string, filters: readonly RawBuilder<unknown>[] = []): Source {
  const sinceId = uuidV7Floor(uuidV7TimeMs(jobId) - CLOCK_TOLERANCE_MS);
  const source = sql`(
    select ${COLUMNS}
    from (
      select * from webhook_message
      where job_id = ${jobId}::uuid and event_id >= ${sinceId}::uuid offset 0
    ) m
    cross join lateral (select * from webhook_delivery where event_id = m.event_id offset 0) d
    where m.tenant_id = ${tenantId})`;
  return filtered(source, filters);
}

function ofKey(tenantId: string, { eventId, endpointId }: DeliveryKey): Source {
  return sql`(
    select ${COLUMNS} from webhook_message m join webhook_delivery d on d.event_id = m.event_id
    where m.event_id = ${eventId}::uuid and d.event_id = ${eventId}::uuid
      and d.endpoint_id = ${endpointId} and d.tenant_id = ${tenantId})`;
}
