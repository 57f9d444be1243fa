import { EventId } from '@errand/contracts';
import type { Database, Db } from '@errand/postgres';
import type { Logger } from '@errand/runtime';
import type { Selectable } from 'kysely';
import { Refusal } from '../problem.ts';

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
      log.warn({ err }, 'replay_log_failed');
      throw new Refusal('database_unavailable');
    }
  }

  return {
    list: (owner) => read(owner),
    find: async (owner, replayId) => (await read(owner, replayId))[0],
  };
}

/** A replay as callers read it. */
export function replayView(row: ReplayRow) {
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
