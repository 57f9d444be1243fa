import { randomUUIDv7 } from 'node:crypto';
import type { AuditEntry, Bus } from '@errand/bus';
import {
  ENDING_TYPES,
  type RecordedEvent,
  uuidV7Floor,
  type WebhookEndpoint,
  type WebhookRequest,
  webhookEventTypeOf,
} from '@errand/contracts';
import type { Db } from '@errand/postgres';
import { type IntakeDeps, messagesFor } from '../intake/on-job-ended.ts';
import { wantsEvent } from '../intake/wants-event.ts';
import {
  countPending,
  countRunning,
  deliveredEvents,
  dropOldReplays,
  insertMissed,
  postponeReplay,
  type ReplayRow,
  redeliverPage,
  takeReplay,
} from './replay-rows.ts';

/*
 * A replay goes through two phases, a page at a time. Each page and the place that it ends at are committed together,
 * so a process that dies loses no page and repeats none, and any other process goes on from there.
 *
 *   phase        of                      what
 *   deliveries   failed, expired, all    deliveries that exist and ended in such a way are pending again
 *   log          missed, all             events that the endpoint wants and has no delivery of get one
 *
 * Replays go on in turn, a page each, and only as far as their endpoint keeps up: while it has `replayBacklog`
 * deliveries pending, its replays wait and others go on. So do those of paused and disabled endpoints, for which
 * deliveries would only expire. Counting (`dry_run`) waits for nothing.
 */

const PAGE = 200;
/** How soon a replay looks again whether its endpoint has kept up. */
const PACE_MS = 250;

export interface ReplayDeps extends Omit<IntakeDeps, 'nowMs' | 'bus' | 'move'> {
  readonly bus: IntakeDeps['bus'] & {
    readonly audit: Pick<Bus['audit'], 'read' | 'version' | 'positionBefore'>;
  } & {
    readonly jobs: Pick<Bus['jobs'], 'lastEvent'>;
  };
  readonly now: () => number;
  /** A replay adds deliveries only while its endpoint has fewer than this pending. */
  readonly replayBacklog: number;
  /** How long a replay that could not go on waits. */
  readonly retryMs: number;
}

/** Replays go on in turn, so whoever has many makes those of others wait. */
const MOST_RUNNING = 10;

/**
 * Writes a replay down; it is worked on from then on. Resolves with its id; undefined where the endpoint has as many running
 * as it may have.
 */
export async function startReplay(
  db: Db,
  request: WebhookRequest<'replay'>,
  nowMs: number,
): Promise<string | undefined> {
  if ((await countRunning(db, request.endpoint_id)) >= MOST_RUNNING) return undefined;
  await dropOldReplays(db, request.endpoint_id);
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
      types: request.types ?? null,
      dry_run: request.dry_run,
      state: 'running',
      phase: request.only === 'missed' ? 'log' : 'deliveries',
      cursor: null,
      matched: 0,
      scheduled: 0,
      error: null,
      due_at: now,
      created_at: now,
      updated_at: now,
    })
    .execute();
  return replay_id;
}

/** What a page makes of its replay. */
interface Progress extends Pick<ReplayRow, 'state' | 'phase' | 'cursor' | 'error'> {
  /** When it goes on. */
  readonly dueMs: number;
  /** Deliveries that the page found. */
  readonly matched: number;
  readonly scheduled: number;
}

/** Works on one page of one replay; resolves with the replay, or undefined if there is nothing to do. */
export async function replayPage(deps: ReplayDeps): Promise<ReplayRow | undefined> {
  const { db, now } = deps;
  let taken: ReplayRow | undefined;
  try {
    return await db.transaction().execute(async (trx) => {
      const replay = await takeReplay(trx, now());
      if (!replay) return undefined;
      taken = replay;
      const { matched, scheduled, dueMs, ...changed } = await workOn(trx, replay, deps);
      await trx
        .updateTable('webhook_replay')
        .set({
          ...changed,
          matched: replay.matched + matched,
          scheduled: replay.scheduled + scheduled,
          due_at: new Date(dueMs).toISOString(),
          updated_at: new Date(now()).toISOString(),
        })
        .where('replay_id', '=', replay.replay_id)
        .execute();
      return replay;
    });
  } catch (error) {
    // One that cannot be read from the log must not keep the others from going on.
    if (taken) await postponeReplay(db, taken.replay_id, now() + deps.retryMs);
    throw error;
  }
}

async function workOn(trx: Db, replay: ReplayRow, deps: ReplayDeps): Promise<Progress> {
  const { phase, cursor, dry_run } = replay;
  const unchanged = { state: 'running', phase, cursor, error: null, matched: 0, scheduled: 0 } as const;
  const nowMs = deps.now();
  const endpoint = await endpointOf(replay, deps);
  if (!endpoint) return { ...unchanged, state: 'failed', error: 'unknown_endpoint', dueMs: nowMs };
  let room = PAGE;
  if (!dry_run) {
    if (!endpoint.enabled || deps.states.isDisabled(endpoint)) {
      return { ...unchanged, dueMs: nowMs + deps.retryMs };
    }
    // Not within the transaction: what that has read keeps a partition from being made.
    const pending = await countPending(deps.db, endpoint.endpoint_id, deps.replayBacklog);
    room = Math.min(PAGE, deps.replayBacklog - pending);
    if (room <= 0) return { ...unchanged, dueMs: nowMs + PACE_MS };
  }
  const work = { endpoint, limit: room, nowMs, deps };
  const progress =
    phase === 'deliveries' ? await replayDeliveries(trx, replay, work) : await replayLog(trx, replay, work);
  return { ...progress, dueMs: nowMs };
}

/** Memory may lag behind the process that has taken the replay in. */
async function endpointOf({ tenant_id, endpoint_id }: ReplayRow, { endpoints }: ReplayDeps) {
  const known = endpoints.find(tenant_id, endpoint_id);
  if (known) return known;
  await endpoints.caughtUp();
  return endpoints.find(tenant_id, endpoint_id);
}

interface Work {
  readonly endpoint: WebhookEndpoint;
  /** Most deliveries or events of this page. */
  readonly limit: number;
  readonly nowMs: number;
  readonly deps: ReplayDeps;
}

type Paged = Omit<Progress, 'dueMs'>;

async function replayDeliveries(trx: Db, replay: ReplayRow, work: Work): Promise<Paged> {
  const { limit, nowMs, deps } = work;
  const found = await redeliverPage(trx, {
    endpointId: replay.endpoint_id,
    states: replay.which === 'all' ? ['delivered', 'failed', 'expired', 'canceled'] : [replay.which],
    after: replay.cursor ?? uuidV7Floor(replay.since.getTime()),
    before: uuidV7Floor(replay.until.getTime() + 1),
    types: replay.types,
    limit,
    dryRun: replay.dry_run,
    nowMs,
    expiresMs: nowMs + deps.lifeMs,
  });
  const counted = { matched: found.length, scheduled: replay.dry_run ? 0 : found.length, error: null };
  if (found.length === limit) {
    return { ...counted, state: 'running', phase: 'deliveries', cursor: found.at(-1) ?? null };
  }
  return replay.which === 'all'
    ? { ...counted, state: 'running', phase: 'log', cursor: null }
    : { ...counted, state: 'done', phase: 'deliveries', cursor: null };
}

async function replayLog(trx: Db, replay: ReplayRow, work: Work): Promise<Paged> {
  const { endpoint, limit, deps } = work;
  const [sinceMs, untilMs] = [replay.since.getTime(), replay.until.getTime()];
  const { entries, isLast } = await readEndings(replay, { sinceMs, limit, bus: deps.bus });
  const inTime = entries.filter((entry) => entry.filedMs >= sinceMs && endedMs(entry) <= untilMs);
  const events = inTime
    .flatMap(({ decoded }) => (decoded.kind === 'event' ? [decoded.recorded] : []))
    .filter(({ event }) => hasType(event, replay.types));
  const missed = await missedOf(trx, events, work);
  const scheduled = replay.dry_run ? 0 : await insertMissed(trx, endpoint, missed);
  const last = entries.at(-1);
  const over = isLast || (last !== undefined && endedMs(last) > untilMs + CLOCKS_DIFFER_MS);
  return {
    state: over ? 'done' : 'running',
    phase: 'log',
    cursor: last ? `${AUDIT_CURSOR}${last.position}` : replay.cursor,
    matched: missed.length,
    scheduled,
    error: null,
  };
}

/** Clocks of those who end jobs may differ by less. */
const CLOCKS_DIFFER_MS = 10_000;

/** When it was stored, or a moment before: the audit log may copy late, and the clock of whoever wrote it may be ahead. */
function endedMs({ filedMs, decoded }: AuditEntry): number {
  return decoded.kind === 'event' ? Math.min(filedMs, Date.parse(decoded.recorded.event.time)) : filedMs;
}

/** Cursors of the time when replays read JOBS are versions; these are positions. */
const AUDIT_CURSOR = 'audit:';

/** A page of the tenant's endings behind the replay's cursor, and whether it is the last that there was when it was read. */
async function readEndings(
  { tenant_id: tenantId, cursor }: ReplayRow,
  { sinceMs, limit, bus }: { sinceMs: number; limit: number; bus: ReplayDeps['bus'] },
): Promise<{ entries: AuditEntry[]; isLast: boolean }> {
  const lastEvent = await bus.jobs.lastEvent();
  // The audit log follows JOBS; what it lacks so far comes with another page.
  const hasAll = (await bus.audit.version()) >= lastEvent;
  const afterPosition =
    cursor === null
      ? undefined
      : cursor.startsWith(AUDIT_CURSOR)
        ? Number(cursor.slice(AUDIT_CURSOR.length))
        : await bus.audit.positionBefore(Number(cursor) + 1);
  const query = { tenantId, types: ENDING_TYPES, afterPosition, sinceMs, pageSize: limit };
  const pages = bus.audit.read(query);
  const first = await pages.next();
  if (first.done) return { entries: [], isLast: hasAll };
  const { entries, remaining } = first.value;
  // A replica that catches up has none remaining where it ends; the read itself ends where the leader does.
  const isLast = remaining === 0 && hasAll && (await pages.next()).done === true;
  await pages.return();
  return { entries, isLast };
}

function hasType({ type }: RecordedEvent['event'], types: readonly string[] | null): boolean {
  return types === null || types.some((wanted) => wanted === webhookEventTypeOf(type));
}

async function missedOf(trx: Db, events: readonly RecordedEvent[], { endpoint, nowMs, deps }: Work) {
  const wanted = events.filter(({ ref, event }) => {
    const type = webhookEventTypeOf(event.type);
    return type !== undefined && wantsEvent(endpoint, { type, action: ref.action });
  });
  const eventIds = wanted.map(({ event }) => event.id);
  // The transaction has not touched the tables yet, which would keep a partition from being made.
  for (const partitions of deps.partitions) await partitions.ensureFor(eventIds);
  const known = await deliveredEvents(trx, endpoint.endpoint_id, eventIds);
  const missing = wanted.filter(({ event }) => !known.has(event.id));
  const fanOuts = await messagesFor(
    missing.map((ending) => ({ ending, endpoints: [endpoint], ownWebhook: false })),
    { ...deps, nowMs },
  );
  return fanOuts.map((fanOut) => ({ ...fanOut, dueMs: nowMs, expiresMs: nowMs + deps.lifeMs }));
}
