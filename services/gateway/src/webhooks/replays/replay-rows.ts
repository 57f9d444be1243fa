import { EventId, Instant, REPLAY_KINDS } from '@errand/contracts';
import type { Database, Db } from '@errand/postgres';
import type { Logger } from '@errand/runtime';
import type { Selectable } from 'kysely';
import { z } from 'zod';
import { refuseForDatabase } from '../../jobs/database-failure.ts';
import { named } from '../../openapi/schemas.ts';

type ReplayRow = Selectable<Database['webhook_replay']>;

interface Owner {
  readonly tenantId: string;
  readonly endpointId: string;
}

/** What was asked to be sent again, and how far that is. Every call throws Refusal database_unavailable. */
export interface ReplayLog {
  /** Newest first, a hundred at most. */
  list(owner: Owner): Promise<ReplayRow[]>;
  find(owner: Owner, replayId: string): Promise<ReplayRow | undefined>;
}

const MAX_LISTED = 100;

export function isReplayId(id: string): boolean {
  return EventId.safeParse(id).success;
}

export function createReplayLog(db: Db, log: Logger): ReplayLog {
  async function read({ tenantId, endpointId }: Owner, replayId?: string): Promise<ReplayRow[]> {
    const own = db
      .selectFrom('webhook_replay')
      .selectAll()
      .where('endpoint_id', '=', endpointId)
      .where('tenant_id', '=', tenantId);
    const wanted = replayId === undefined ? own : own.where('replay_id', '=', replayId);
    try {
      return await wanted.orderBy('replay_id', 'desc').limit(MAX_LISTED).execute();
    } catch (err) {
      return refuseForDatabase(err, log, 'replay_log_failed');
    }
  }

  return {
    list: (owner) => read(owner),
    find: async (owner, replayId) => (await read(owner, replayId))[0],
  };
}

const Links = z.object({ replay: z.string(), cancel: z.string() });
const State = z.enum(['running', 'done', 'failed', 'canceled']);

export const ReplayView = named(
  'Replay',
  z.object({
    replay_id: EventId,
    endpoint_id: z.string(),
    state: State,
    since: Instant,
    until: Instant,
    only: z.enum(REPLAY_KINDS),
    types: z.array(z.string()).nullable().meta({ description: 'Null for all that the endpoint wants.' }),
    dry_run: z.boolean(),
    matched: z.int(),
    scheduled: z.int(),
    error: z.string().nullable(),
    created_at: Instant,
    updated_at: Instant,
    links: Links,
  }),
);

/** The answer to the start of a replay. */
export const ReplayStarted = named(
  'ReplayStarted',
  z.object({
    replay_id: EventId,
    endpoint_id: z.string(),
    state: z.literal('running'),
    dry_run: z.boolean(),
    links: Links,
  }),
);

/** A replay as callers read it. */
export function replayView(row: ReplayRow): z.infer<typeof ReplayView> {
  return {
    replay_id: row.replay_id,
    endpoint_id: row.endpoint_id,
    state: row.state,
    since: row.since.toISOString(),
    until: row.until.toISOString(),
    only: row.which,
    types: row.types,
    dry_run: row.dry_run,
    matched: row.matched,
    scheduled: row.scheduled,
    error: row.error,
    created_at: row.created_at.toISOString(),
    updated_at: row.updated_at.toISOString(),
    links: replayLinks(row.tenant_id, row),
  };
}

/** Where a replay is asked about and stopped. */
export function replayLinks(tenantId: string, replay: { endpoint_id: string; replay_id: string }) {
  const self = `/v2/tenants/${tenantId}/webhooks/${replay.endpoint_id}/replays/${replay.replay_id}`;
  return { replay: self, cancel: `${self}/cancel` };
}
