import { randomUUIDv7 } from 'node:crypto';
import type { Bus } from '@errand/bus';
import {
  type RecordedEvent,
  uuidV7Floor,
  type WebhookEndpoint,
  type WebhookRequest,
  webhookEventTypeOf,
} from '@errand/contracts';
import type { Db } from '@errand/postgres';
import { type IntakeDeps, messagesFor } from './on-job-ended.ts';
import { deliveredEvents, insertMissed, type ReplayRow, redeliverPage, takeReplay } from './replay-table.ts';
import { wantsEvent } from './wants-event.ts';

/*
 * A replay goes through two phases, a page at a time. Each page and the place that it ends at are committed together,
 * so a process that dies loses no page and repeats none, and any other process goes on from there.
 *
 *   phase        of                      what
 *   deliveries   failed, expired, all    deliveries that exist and ended in such a way are pending again
 *   log          missed, all             events that the endpoint wants and has no delivery of get one
 *
 * Paused and disabled endpoints may be replayed: what comes of it waits for them.
 */

const PAGE = 200;
/** An event is stored a little after its own time, by the clocks of two machines. */
const CLOCK_TOLERANCE_MS = 5_000;

export interface ReplayDeps extends Omit<IntakeDeps, 'nowMs' | 'bus'> {
  readonly bus: Pick<Bus, 'readJob' | 'readEndings'>;
  readonly now: () => number;
}

/** Writes a replay down; it is worked on from then on. Resolves with its id. */
export async function startReplay(db: Db, request: WebhookRequest<'replay'>, nowMs: number): Promise<string> {
  const replay_id = randomUUIDv7();
  const now = new Date(nowMs).toISOString();
  await db
    .insertInto('webhook_replay')
    .values({
      replay_id,
      tenant_id: request.tenant_id,
      endpoint_id: request.endpoint_id,
      since: request.since,
      until: request.until ?? now,
      which: request.only,
      dry_run: request.dry_run,
      state: 'running',
      phase: request.only === 'missed' ? 'log' : 'deliveries',
      cursor: null,
      matched: 0,
      scheduled: 0,
      error: null,
      created_at: now,
      updated_at: now,
    })
    .execute();
  return replay_id;
}

/** What a page makes of its replay. */
interface Progress extends Pick<ReplayRow, 'state' | 'phase' | 'cursor' | 'error'> {
  /** Deliveries that the page found. */
  readonly matched: number;
  readonly scheduled: number;
}

/** Works on one page of one replay; resolves with the replay, or undefined if there is nothing to do. */
export async function replayPage(deps: ReplayDeps): Promise<ReplayRow | undefined> {
  return deps.db.transaction().execute(async (trx) => {
    const replay = await takeReplay(trx);
    if (!replay) return undefined;
    const endpoint = deps.endpoints.find(replay.tenant_id, replay.endpoint_id);
    const progress = endpoint ? await workOn(trx, replay, { endpoint, deps }) : GONE(replay);
    const { matched, scheduled, ...changed } = progress;
    await trx
      .updateTable('webhook_replay')
      .set({
        ...changed,
        matched: replay.matched + matched,
        scheduled: replay.scheduled + scheduled,
        updated_at: new Date(deps.now()).toISOString(),
      })
      .where('replay_id', '=', replay.replay_id)
      .execute();
    return replay;
  });
}

const GONE = ({ phase, cursor }: ReplayRow): Progress => ({
  ...{ state: 'failed', phase, cursor, error: 'unknown_endpoint' },
  matched: 0,
  scheduled: 0,
});

type Work = { endpoint: WebhookEndpoint; deps: ReplayDeps };

function workOn(trx: Db, replay: ReplayRow, work: Work): Promise<Progress> {
  return replay.phase === 'deliveries' ? replayDeliveries(trx, replay, work) : replayLog(trx, replay, work);
}

async function replayDeliveries(trx: Db, replay: ReplayRow, { deps }: Work): Promise<Progress> {
  const nowMs = deps.now();
  const found = await redeliverPage(trx, {
    endpointId: replay.endpoint_id,
    states: replay.which === 'all' ? ['delivered', 'failed', 'expired', 'canceled'] : [replay.which],
    after: replay.cursor ?? uuidV7Floor(replay.since.getTime()),
    before: uuidV7Floor(replay.until.getTime() + 1),
    limit: PAGE,
    dryRun: replay.dry_run,
    nowMs,
    expiresMs: nowMs + deps.lifeMs,
  });
  const counted = { matched: found.length, scheduled: replay.dry_run ? 0 : found.length, error: null };
  if (found.length === PAGE) {
    return { ...counted, state: 'running', phase: 'deliveries', cursor: found.at(-1) ?? null };
  }
  return replay.which === 'all'
    ? { ...counted, state: 'running', phase: 'log', cursor: null }
    : { ...counted, state: 'done', phase: 'deliveries', cursor: null };
}

async function replayLog(trx: Db, replay: ReplayRow, { endpoint, deps }: Work): Promise<Progress> {
  const [sinceMs, untilMs] = [replay.since.getTime(), replay.until.getTime()];
  const { events, lastVersion, atEnd } = await deps.bus.readEndings({
    tenantId: replay.tenant_id,
    sinceMs: sinceMs - CLOCK_TOLERANCE_MS,
    afterVersion: replay.cursor === null ? null : Number(replay.cursor),
    max: PAGE,
  });
  const inTime = events.filter(({ event }) => {
    const timeMs = Date.parse(event.time);
    return timeMs >= sinceMs && timeMs <= untilMs;
  });
  const missed = await missedOf(trx, inTime, { endpoint, deps });
  const scheduled = replay.dry_run ? 0 : await insertMissed(trx, endpoint, missed);
  const last = events.at(-1);
  const over = atEnd || (last !== undefined && Date.parse(last.event.time) > untilMs + CLOCK_TOLERANCE_MS);
  return {
    state: over ? 'done' : 'running',
    phase: 'log',
    cursor: lastVersion === null ? replay.cursor : String(lastVersion),
    matched: missed.length,
    scheduled,
    error: null,
  };
}

async function missedOf(trx: Db, events: readonly RecordedEvent[], { endpoint, deps }: Work) {
  const wanted = events.filter(({ ref, event }) => {
    const type = webhookEventTypeOf(event.type);
    return type !== undefined && wantsEvent(endpoint, { type, action: ref.action });
  });
  const eventIds = wanted.map(({ event }) => event.id);
  // Before the transaction has touched the tables, which would keep a partition from being made.
  for (const partitions of deps.partitions) await partitions.ensureFor(eventIds);
  const known = await deliveredEvents(trx, endpoint.endpoint_id, eventIds);
  const missing = wanted.filter(({ event }) => !known.has(event.id));
  const nowMs = deps.now();
  const fanOuts = await messagesFor(
    missing.map((ending) => ({ ending, endpoints: [endpoint] })),
    { ...deps, nowMs },
  );
  return fanOuts.map((fanOut) => ({ ...fanOut, dueMs: nowMs, expiresMs: nowMs + deps.lifeMs }));
}
