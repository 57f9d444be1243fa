import type { AuditEntry, Bus } from '@errand/bus';
import { LogUnavailable } from '@errand/bus';
import { type RecordedEvent, SUMMARY_RETENTION_DAYS } from '@errand/contracts';
import type { DbSession } from '@errand/postgres';
import { createPageTable } from './job-summary-table.ts';
import { createPageWriter } from './rebuild-pages.ts';
import { type RebuildRow, recordProgress } from './rebuild-row.ts';
import {
  createNewTable,
  indexNewTable,
  lockOutWriters,
  newTableExists,
  swapTables,
} from './rebuild-table.ts';

/*
 * job_summary made again from the log while everybody goes on using it:
 *
 *   reading       the long log, from 7 days ago to its end, into a table beside the one in use
 *   indexing      that table
 *   catching_up   with the log itself, from where the long one ended
 *   done          in one transaction: writers are locked out, what the log got until then is folded in, the table in use
 *                 is dropped and the new one takes its name
 *
 * An event that was ever acknowledged by the projection had its row committed before, hence before the writers were
 * locked out, hence it is in the log as it is read after that. So nothing is taken over from the table in use, and there
 * need be none.
 *
 * Each page and the place behind it are one transaction: whoever takes a rebuild over goes on there.
 */

export interface RebuildDeps {
  /** Holds the lock of rebuilds. */
  readonly session: DbSession;
  readonly bus: Pick<Bus, 'readAudit' | 'auditVersion' | 'readLog' | 'logReach'>;
  readonly now: () => number;
  readonly signal: AbortSignal;
  /** Events that are folded at once. More of them hold more of a job's, so its row is written less often. */
  readonly pageSize: number;
}

/** Pages of the log that are folded together. Each is of some megabytes at most, however large its events are. */
const PAGES_AT_ONCE = 4;
/** What may be left to be read while writers are locked out. */
const MAX_TAIL = 10_000;
/** Clocks that differ must not make a job's first events too old to be read. */
const SLACK_MS = 3_600_000;
const DAY_MS = 86_400_000;

/**
 * Carries a rebuild on from where it stands to its end.
 * @throws RebuildEnded; and LogUnavailable or what Postgres throws, upon which it can be carried on later
 */
export async function rebuild(row: RebuildRow, deps: RebuildDeps): Promise<void> {
  const work = await openWork(row, deps);
  await work.readLongLog();
  await work.recordState('indexing');
  await indexNewTable(deps.session.db);
  await work.recordState('catching_up');
  do await work.readOn();
  while (!(await work.finish()));
}

async function openWork(row: RebuildRow, { session, bus, now, signal, pageSize }: RebuildDeps) {
  const { db } = session;
  const isBegun = row.position > 0 || row.version > 0;
  if (!isBegun || !(await newTableExists(db))) {
    await createNewTable(db);
    Object.assign(row, { position: 0, version: 0, events: 0, skipped: 0 });
  }
  await createPageTable(db);
  const writer = createPageWriter(session, now);
  const readSize = Math.ceil(pageSize / PAGES_AT_ONCE);
  const beganAt = performance.now();
  const eventsBefore = row.events;
  let { position, version, events, skipped } = row;

  async function writePage(page: {
    decoded: AuditEntry['decoded'][];
    position: number;
    version: number;
    remaining: number;
  }): Promise<void> {
    signal.throwIfAborted();
    const readable = recordedOf(page.decoded);
    const seconds = (performance.now() - beganAt) / 1_000;
    await writer.write(readable, async (trx, refused) => {
      const progress = {
        position: page.position,
        version: page.version,
        events: events + page.decoded.length,
        skipped: skipped + page.decoded.length - readable.length + refused,
      };
      await recordProgress(trx, row.rebuild_id, {
        ...progress,
        remaining: page.remaining,
        events_per_s: (progress.events - eventsBefore) / seconds,
        error: null,
      });
      skipped = progress.skipped;
    });
    ({ position, version } = page);
    events += page.decoded.length;
  }

  return {
    recordState: (state: 'indexing' | 'catching_up') => recordProgress(db, row.rebuild_id, { state }),

    async readLongLog(): Promise<void> {
      // What it has by now is read below, or was filed too long ago to matter.
      const reached = await bus.auditVersion();
      const sinceMs = row.started_at.getTime() - SUMMARY_RETENTION_DAYS * DAY_MS - SLACK_MS;
      const from = position > 0 ? { afterPosition: position } : { sinceMs };
      for await (const page of gather(
        decodedPages(bus.readAudit({ ...from, pageSize: readSize })),
        pageSize,
      )) {
        await writePage({ ...page, version: Math.max(version, newestOf(page.decoded)) });
      }
      version = Math.max(version, reached);
    },

    /** Up to the end of the log. */
    async readOn(): Promise<void> {
      const { firstVersion } = await bus.logReach();
      if (firstVersion !== undefined && firstVersion > version + 1) {
        throw new LogUnavailable('the long log is behind what the log still holds');
      }
      for await (const page of gather(bus.readLog({ afterVersion: version, pageSize: readSize }), pageSize)) {
        await writePage({ ...page, position });
      }
    },

    /** False when the log has grown by too much meanwhile: it is to be read on first. */
    async finish(): Promise<boolean> {
      signal.throwIfAborted();
      return db.transaction().execute(async (trx) => {
        await lockOutWriters(trx);
        const { lastVersion } = await bus.logReach();
        if (lastVersion - version > MAX_TAIL) return false;
        for await (const page of bus.readLog({ afterVersion: version, pageSize: MAX_TAIL })) {
          const readable = recordedOf(page.decoded);
          await writer.writeWithin(trx, readable);
          events += page.decoded.length;
          skipped += page.decoded.length - readable.length;
          if (page.version >= lastVersion) break;
        }
        const ended_at = new Date(now()).toISOString();
        const done = { state: 'done', remaining: 0, events, skipped, ended_at, error: null } as const;
        await recordProgress(trx, row.rebuild_id, done);
        await swapTables(trx);
        return true;
      });
    },
  };
}

async function* decodedPages(pages: ReturnType<Bus['readAudit']>) {
  for await (const { entries, position, remaining } of pages) {
    yield { decoded: entries.map((entry) => entry.decoded), position, remaining };
  }
}

/** Several pages as one. The last one's other members count. */
async function* gather<P extends { decoded: AuditEntry['decoded'][]; remaining: number }>(
  pages: AsyncIterable<P>,
  maxEvents: number,
): AsyncGenerator<P, void, undefined> {
  let decoded: AuditEntry['decoded'][] = [];
  let gathered = 0;
  for await (const page of pages) {
    decoded = decoded.concat(page.decoded);
    gathered++;
    if (decoded.length < maxEvents && gathered < PAGES_AT_ONCE && page.remaining > 0) continue;
    yield { ...page, decoded };
    decoded = [];
    gathered = 0;
  }
}

function recordedOf(decoded: readonly AuditEntry['decoded'][]): RecordedEvent[] {
  return decoded.flatMap((each) => (each.kind === 'event' ? [each.recorded] : []));
}

function newestOf(decoded: readonly AuditEntry['decoded'][]): number {
  const last = decoded.at(-1);
  if (last === undefined) return 0;
  return last.kind === 'event' ? last.recorded.version : last.version;
}
