import type { RebuildProgress } from '@errand/contracts';
import type { Db, ProjectionRebuildTable } from '@errand/postgres';
import type { Selectable } from 'kysely';

/*
 * How a rebuild stands: one row, read by every process and changed by the one that works on it, together with what it
 * has put into the new table. Whoever begins or cancels one changes the row only; the worker finds out at its next page.
 */

export type RebuildRow = Selectable<ProjectionRebuildTable>;

const PROJECTION = 'job_summary';
const UNDER_WAY = ['reading', 'indexing', 'catching_up'] as const;

export function isUnderWay({ state }: Pick<RebuildRow, 'state'>): boolean {
  return UNDER_WAY.some((each) => each === state);
}

/** Undefined if there was none yet. */
export function readRebuild(db: Db): Promise<RebuildRow | undefined> {
  return db
    .selectFrom('projection_rebuild')
    .selectAll()
    .where('projection', '=', PROJECTION)
    .executeTakeFirst();
}

/** Undefined if one is under way. */
export function beginRebuild(
  db: Db,
  { rebuildId, nowMs }: { rebuildId: string; nowMs: number },
): Promise<RebuildRow | undefined> {
  const fresh = {
    rebuild_id: rebuildId,
    state: 'reading' as const,
    started_at: new Date(nowMs).toISOString(),
    position: 0,
    version: 0,
    events: 0,
    skipped: 0,
    remaining: 0,
    ended_at: null,
    events_per_s: null,
    error: null,
  };
  return db
    .insertInto('projection_rebuild')
    .values({ projection: PROJECTION, ...fresh })
    .onConflict((conflict) =>
      conflict.column('projection').doUpdateSet(fresh).where('projection_rebuild.state', 'not in', UNDER_WAY),
    )
    .returningAll()
    .executeTakeFirst();
}

/** Undefined if none is under way. */
export function cancelRebuild(db: Db, nowMs: number): Promise<RebuildRow | undefined> {
  return db
    .updateTable('projection_rebuild')
    .set({ state: 'canceled', ended_at: new Date(nowMs).toISOString() })
    .where('projection', '=', PROJECTION)
    .where('state', 'in', UNDER_WAY)
    .returningAll()
    .executeTakeFirst();
}

/** Thrown in a worker whose rebuild was canceled, or canceled and begun anew. */
export class RebuildEnded extends Error {
  override name = 'RebuildEnded';
  readonly code = 'rebuild_ended';
  readonly retryable = false;
}

type Progress = Partial<
  Pick<
    RebuildRow,
    'state' | 'position' | 'version' | 'events' | 'skipped' | 'remaining' | 'events_per_s' | 'error'
  >
> & { ended_at?: string };

/** @throws RebuildEnded */
export async function recordProgress(db: Db, rebuildId: string, progress: Progress): Promise<void> {
  const { numUpdatedRows } = await db
    .updateTable('projection_rebuild')
    .set(progress)
    .where('rebuild_id', '=', rebuildId)
    .where('state', 'in', UNDER_WAY)
    .executeTakeFirst();
  if (numUpdatedRows === 0n) throw new RebuildEnded('the rebuild was canceled');
}

/** What callers are told. */
export function progressOf(row: RebuildRow): RebuildProgress {
  const { projection, state, position, events, skipped, remaining, events_per_s, error } = row;
  const total = events + remaining;
  const share = total === 0 ? 0 : events / total;
  const underWay = isUnderWay(row);
  return {
    projection,
    state,
    position,
    events,
    skipped,
    total,
    error,
    started_at: row.started_at.toISOString(),
    ended_at: row.ended_at?.toISOString() ?? null,
    events_per_s: events_per_s === null ? null : Math.round(events_per_s),
    percent: state === 'done' ? 100 : Math.min(99.9, Math.floor(share * 1_000) / 10),
    eta_s: underWay && events_per_s ? Math.ceil(remaining / events_per_s) : null,
  };
}
