import { Instant, uuidV7TimeMs, type WebhookEndpoint } from '@errand/contracts';
import { type Db, type EndpointHealth, receiverOf, shardOf } from '@errand/postgres';
import type { Logger } from '@errand/runtime';
import { sql } from 'kysely';
import { z } from 'zod';
import { named } from '../../openapi/schemas.ts';

/** How an endpoint is doing. Times are RFC 3339. */
export const HealthView = named(
  'WebhookHealth',
  z.object({
    state: z.enum(['active', 'failing', 'disabled', 'paused']),
    failing_since: Instant.nullable().meta({ description: 'The first failure after the last success.' }),
    disabled_reason: z.enum(['gone', 'failing']).nullable(),
    next_probe_at: Instant.nullable().meta({
      description: 'When an endpoint that is out of service for the moment is tried again.',
    }),
    last_success_at: Instant.nullable(),
    last_failure_at: Instant.nullable(),
    backlog: z.object({
      pending: z.int().meta({ description: 'Deliveries that wait, counted up to a limit.' }),
      pending_is_capped: z.boolean(),
      oldest_at: Instant.nullable().meta({ description: 'Of those that were counted.' }),
    }),
  }),
);
export type HealthView = z.infer<typeof HealthView>;

export interface EndpointHealthStore {
  /** By endpoint id; undefined when Postgres does not answer. Backlogs are counted up to `maxPending`. */
  of(
    endpoints: readonly WebhookEndpoint[],
    maxPending: number,
  ): Promise<ReadonlyMap<string, HealthView> | undefined>;
}

/** What Postgres has of an endpoint. Without a state it has never been called. */
export interface HealthRow {
  readonly endpoint_id: string;
  readonly state: EndpointHealth | null;
  readonly failing_since: Date | null;
  readonly last_success_at: Date | null;
  readonly last_failure_at: Date | null;
  readonly disabled_reason: 'gone' | 'failing' | null;
  readonly disabled_record: Date | null;
  readonly next_probe_at: Date | null;
  readonly receiver: string | null;
  readonly record_at: Date | null;
  readonly pending: number;
  readonly oldest: string | null;
}

export function createEndpointHealth(db: Db, log: Logger): EndpointHealthStore {
  return {
    async of(endpoints, maxPending) {
      if (endpoints.length === 0) return new Map();
      try {
        const { rows } = await healthRows(endpoints, maxPending).execute(db);
        const byId = new Map(rows.map((row) => [row.endpoint_id, row]));
        return new Map(
          endpoints.flatMap((endpoint) => {
            const row = byId.get(endpoint.endpoint_id);
            return row ? [[endpoint.endpoint_id, healthOf(endpoint, row, maxPending)]] : [];
          }),
        );
      } catch (err) {
        log.warn({ err }, 'endpoint_health_failed');
        return undefined;
      }
    },
  };
}

/**
 * One row for each endpoint. What is pending is counted in the index that senders find their work in, which begins with
 * the shard, and only up to one more than is shown: a dead endpoint may have any number waiting.
 */
function healthRows(endpoints: readonly WebhookEndpoint[], maxPending: number) {
  const ids = endpoints.map(({ endpoint_id }) => endpoint_id);
  return sql<HealthRow>`
    select wanted.endpoint_id, s.state, s.failing_since, s.last_success_at, s.last_failure_at, s.disabled_reason,
      s.disabled_record, s.next_probe_at, s.receiver, s.record_at, backlog.pending, backlog.oldest
    from unnest(${ids}::text[], ${ids.map(shardOf)}::smallint[]) as wanted (endpoint_id, shard)
    left join webhook_endpoint_state s on s.endpoint_id = wanted.endpoint_id
    cross join lateral (
      select count(*)::int as pending, min(event_id::text) as oldest
      from (
        select event_id from webhook_delivery d
        where d.state = 'pending' and d.shard = wanted.shard and d.endpoint_id = wanted.endpoint_id
        limit ${maxPending + 1}
      ) counted
    ) backlog`;
}

/**
 * A state that was stored before the record was changed says nothing about the changed one if it was disabled, and
 * nothing at all about another URL; nor does it say when the changed one is tried again.
 */
export function healthOf(
  endpoint: Pick<WebhookEndpoint, 'enabled' | 'updated_at' | 'url'>,
  stored: HealthRow,
  maxPending: number,
): HealthView {
  const isOther = stored.receiver !== null && stored.receiver !== receiverOf(endpoint.url);
  const row = isOther ? { ...stored, ...NOTHING_KNOWN } : stored;
  const recordMs = Date.parse(endpoint.updated_at);
  const isChanged = row.record_at !== null && row.record_at.getTime() !== recordMs;
  const isDisabled = row.state === 'disabled' && row.disabled_record?.getTime() === recordMs;
  const isOld = row.state === 'disabled' && !isDisabled;
  const state = isDisabled ? 'disabled' : row.state === 'failing' ? 'failing' : 'active';
  return {
    state: endpoint.enabled ? state : 'paused',
    failing_since: isOld ? null : isoOf(row.failing_since),
    disabled_reason: isDisabled ? row.disabled_reason : null,
    next_probe_at: endpoint.enabled && state === 'failing' && !isChanged ? isoOf(row.next_probe_at) : null,
    last_success_at: isoOf(row.last_success_at),
    last_failure_at: isoOf(row.last_failure_at),
    backlog: {
      pending: Math.min(row.pending, maxPending),
      pending_is_capped: row.pending > maxPending,
      oldest_at: row.oldest === null ? null : new Date(uuidV7TimeMs(row.oldest)).toISOString(),
    },
  };
}

const NOTHING_KNOWN = {
  state: null,
  failing_since: null,
  last_success_at: null,
  last_failure_at: null,
};

function isoOf(time: Date | null): string | null {
  return time?.toISOString() ?? null;
}
