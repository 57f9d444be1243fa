import { randomUUIDv7 } from 'node:crypto';
import type { ProjectionHandlers } from '@errand/bus';
import { type Db, type DbSession, openSession } from '@errand/postgres';
import type { Logger } from '@errand/runtime';
import { sql } from 'kysely';
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
  readonly databaseUrl: string;
  readonly log: Logger;
  /** Told when the table has been replaced. */
  readonly onSwapped: () => void;
}

/**
 * Any process of the service answers the commands. The one whose session holds the lock works on the rebuild; Postgres
 * frees the lock with the session, so another process takes over from one that dies.
 */
export function createRebuilds(deps: RebuildsDeps): Rebuilds {
  const { db, now, log } = deps;
  let looking: Promise<void> | undefined;
  const look = () => {
    looking ??= lookOnce(deps).finally(() => {
      looking = undefined;
    });
    return looking;
  };
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

async function lookOnce(deps: RebuildsDeps): Promise<void> {
  const { db, log, signal } = deps;
  try {
    while (!signal.aborted && (await isWorkToDo(db))) {
      await using session = await openSession({ url: deps.databaseUrl, name: 'errand-rebuild' });
      if (!(await lock(session.db))) return;
      await workOn(session, deps);
    }
  } catch (err) {
    if (!signal.aborted) log.warn({ err }, 'rebuild_interrupted');
  }
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

async function lock(db: Db): Promise<boolean> {
  const { rows } = await sql<{ got: boolean }>`
    select pg_try_advisory_lock(hashtext('errand_rebuild'), hashtext('job_summary')) as got`.execute(db);
  return rows[0]?.got ?? false;
}
