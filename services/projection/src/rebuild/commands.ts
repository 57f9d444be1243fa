import { randomUUIDv7 } from 'node:crypto';
import type { ProjectionHandlers } from '@errand/bus';
import type { Db, DbSession } from '@errand/postgres';
import type { Logger } from '@errand/runtime';
import { createSoleWorker } from '../sole-worker.ts';
import { dropNewTable, newTableExists } from './new-table.ts';
import {
  beginRebuild,
  cancelRebuild,
  isUnderWay,
  progressOf,
  RebuildEnded,
  readRebuild,
  recordProgress,
} from './progress-rows.ts';
import { type RebuildDeps, rebuild } from './run-rebuild.ts';

export interface Rebuilds {
  /** What the commands do. */
  readonly handlers: Pick<ProjectionHandlers, 'rebuild' | 'rebuild_status' | 'cancel_rebuild'>;
  /** Works on the rebuild that is under way, if any and if no other process does, until it is over. Never throws. */
  look(): Promise<void>;
}

interface RebuildsDeps extends Pick<RebuildDeps, 'bus' | 'now' | 'signal' | 'pageSize'> {
  readonly db: Db;
  readonly databaseUrl: () => string;
  readonly log: Logger;
  /** Told when the table has been replaced. */
  readonly onSwapped: () => void;
}

/**
 * Any process of the service answers the commands, and one of them works on the rebuild.
 */
export function createRebuilds(deps: RebuildsDeps): Rebuilds {
  const { db, now, log } = deps;
  const look = createSoleWorker({
    databaseUrl: deps.databaseUrl,
    name: 'rebuild',
    of: 'job_summary',
    isWorkToDo: () => isWorkToDo(db),
    work: (session) => workOn(session, deps),
    signal: deps.signal,
    onInterrupted: (err) => log.warn({ err }, 'rebuild_interrupted'),
  });
  return {
    look,
    handlers: {
      async rebuild() {
        const begun = await beginRebuild(db, { rebuildId: randomUUIDv7(), nowMs: now() });
        const row = begun ?? (await readRebuild(db));
        if (!row) throw new Error('the rebuild neither started nor is running');
        if (begun) log.info({ rebuild_id: begun.rebuild_id }, 'rebuild_begun');
        void look();
        return { kind: begun ? 'started' : 'running', progress: progressOf(row) };
      },
      async rebuild_status() {
        const row = await readRebuild(db);
        return row ? { kind: 'known', progress: progressOf(row) } : { kind: 'none' };
      },
      async cancel_rebuild() {
        const row = await cancelRebuild(db, now());
        if (!row) return { kind: 'none' };
        void look();
        return { kind: 'canceled', progress: progressOf(row) };
      },
    },
  };
}

async function isWorkToDo(db: Db): Promise<boolean> {
  const row = await readRebuild(db);
  return (row !== undefined && isUnderWay(row)) || (await newTableExists(db));
}

async function workOn(session: DbSession, deps: RebuildsDeps): Promise<void> {
  const { db, log } = deps;
  const row = await readRebuild(session.db);
  if (!row || !isUnderWay(row)) return dropNewTable(session.db);
  const about = { rebuild_id: row.rebuild_id };
  try {
    log.info({ ...about, position: row.position }, 'rebuild_taken');
    await rebuild(row, { ...deps, session });
    deps.onSwapped();
    log.info(about, 'rebuild_done');
  } catch (error) {
    if (error instanceof RebuildEnded) {
      log.info(about, 'rebuild_ended');
      return dropNewTable(session.db);
    }
    const reason = error instanceof Error ? error.message : String(error);
    if (!deps.signal.aborted) await recordProgress(db, row.rebuild_id, { error: reason }).catch(() => {});
    throw error;
  }
}
