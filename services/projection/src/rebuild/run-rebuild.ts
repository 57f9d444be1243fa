import type { AuditEntry, Bus } from '@errand/bus';
import { LogUnavailable } from '@errand/bus';
import { type RecordedEvent, SUMMARY_RETENTION_DAYS } from '@errand/contracts';
import type { Db, DbSession } from '@errand/postgres';
import { createPageTable } from '../live/job-rows.ts';
import { fillNewStats } from '../stats/settle-stat-rows.ts';
import type { LogPlace } from './gather-jobs.ts';
import { canCarryOn, createNewTable, indexNewTable, lockOutWriters, swapTables } from './new-table.ts';
import { type RebuildRow, recordProgress } from './progress-rows.ts';
import { type ReadProgress, readByEvent, readLongLog } from './read-log.ts';
import { createPageWriter } from './write-pages.ts';

/*
 * job_summary, and what its rows count as, made again from the log while everybody goes on using it:
 *
 *   reading       the audit log, from 7 days ago to its end, into a table beside the one in use
 *   indexing      that table, and counting its rows; from then on what a row becomes changes the counts
 *   catching_up   with the log itself, from where the audit log ended, or with that again where more has left the log since
 *   done          in one transaction: writers are locked out, what the log got until then is folded in, the tables in
 *                 use are dropped and the new ones take their names
 *
 * An event that was ever acknowledged by the projection had its row committed before, hence before the writers were
 * locked out, hence it is in the log as it is read after that. So nothing is taken over from the table in use, and there
 * need be none.
 *
 * What is written and the place up to which everything is are one transaction: whoever takes a rebuild over goes on there.
 */

export interface RebuildDeps {
  /** Holds the lock of rebuilds. */
  readonly session: DbSession;
  readonly bus: { readonly audit: Pick<Bus['audit'], 'read' | 'version' | 'firstVersion'> } & {
    readonly jobs: Pick<Bus['jobs'], 'readAll' | 'reach' | 'firstEvent' | 'lastEvent'>;
  };
  readonly now: () => number;
  readonly signal: AbortSignal;
  /** Events that are written at once, and jobs that are held until they end, so that each row is written once. */
  readonly pageSize: number;
}

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
  await work.count();
  await work.recordState('catching_up');
  do await work.readOn();
  while (!(await work.finish()));
}

async function openWork(row: RebuildRow, { session, bus, now, signal, pageSize }: RebuildDeps) {
  const { db } = session;
  const isBegun = row.position > 0 || row.version > 0;
  if (!isBegun || !(await canCarryOn(db))) {
    await createNewTable(db);
    Object.assign(row, { position: 0, version: 0, events: 0, skipped: 0 });
  }
  await createPageTable(db);
  const writer = createPageWriter(session, now);
  const beganAt = performance.now();
  const eventsBefore = row.events;
  let place: LogPlace = placeOf(row);
  const sinceMs = row.started_at.getTime() - SUMMARY_RETENTION_DAYS * DAY_MS - SLACK_MS;
  const record = (trx: Db, { place: reached, remaining, read }: ReadProgress) => {
    const seconds = (performance.now() - beganAt) / 1_000;
    const events_per_s = (read - eventsBefore) / seconds;
    return recordProgress(trx, row.rebuild_id, { ...reached, remaining, events_per_s, error: null });
  };
  const longLog = { bus, writer, now, signal, pageSize, sinceMs, record };
  /** The version of the first event behind the place that the log may still have, if some have left it. */
  const cutAt = async () => {
    const { firstVersion, lastVersion } = await bus.jobs.reach();
    const first = firstVersion ?? lastVersion + 1;
    return first > place.version + 1 ? first : undefined;
  };

  return {
    recordState: (state: 'indexing' | 'catching_up') => recordProgress(db, row.rebuild_id, { state }),

    async readLongLog(): Promise<void> {
      // What it has by now is read below, or was filed too long ago to matter.
      const reached = await bus.audit.version();
      const read = await readLongLog(place, longLog);
      const [logFrom, auditFrom] = await Promise.all([bus.jobs.firstEvent(), bus.audit.firstVersion()]);
      // Where the audit log is the shorter one, as by its settings, all of the log is read behind it.
      const isShort = logFrom > 0 && (auditFrom === 0 || auditFrom > logFrom);
      place = { ...read, version: isShort ? logFrom - 1 : Math.max(read.version, reached) };
    },

    async count(): Promise<void> {
      await fillNewStats(db, now());
      writer.beginCounting();
    },

    /** Up to the end of the log. */
    async readOn(): Promise<void> {
      const first = await cutAt();
      if (first !== undefined) {
        if ((await bus.audit.version()) < (await bus.jobs.lastEvent())) {
          throw new LogUnavailable('the audit log is behind what the log still holds');
        }
        place = await readByEvent(place, Number.POSITIVE_INFINITY, longLog);
        // What else has left the log was no event.
        place = { ...place, version: Math.max(place.version, first - 1) };
      }
      for await (const page of bus.jobs.readAll({ afterVersion: place.version, pageSize })) {
        signal.throwIfAborted();
        const readable = recordedOf(page.decoded);
        const reached = behind(place, page, readable.length);
        await writer.write(readable, async (trx, refused) => {
          place = { ...reached, skipped: reached.skipped + refused };
          await record(trx, { place, remaining: page.remaining, read: place.events });
        });
      }
    },

    /** False when the log has grown by too much meanwhile, or has lost what was to be read: it is to be read on first. */
    async finish(): Promise<boolean> {
      signal.throwIfAborted();
      return db.transaction().execute(async (trx) => {
        await lockOutWriters(trx);
        const { lastVersion } = await bus.jobs.reach();
        if (lastVersion - place.version > MAX_TAIL) return false;
        let end = place;
        for await (const page of bus.jobs.readAll({ afterVersion: place.version, pageSize: MAX_TAIL })) {
          const readable = recordedOf(page.decoded);
          await writer.writeWithin(trx, readable);
          end = behind(end, page, readable.length);
          if (page.version >= lastVersion) break;
        }
        if ((await cutAt()) !== undefined) return false;
        const { events, skipped } = end;
        const ended_at = new Date(now()).toISOString();
        const done = { state: 'done', remaining: 0, events, skipped, ended_at, error: null } as const;
        await recordProgress(trx, row.rebuild_id, done);
        await swapTables(trx);
        return true;
      });
    },
  };
}

function placeOf({ position, version, events, skipped }: RebuildRow): LogPlace {
  return { position, version, events, skipped };
}

/** Behind a page of the log, so many of whose events could be read. */
function behind(
  { position, events, skipped }: LogPlace,
  { decoded, version }: { decoded: readonly AuditEntry['decoded'][]; version: number },
  readable: number,
): LogPlace {
  return {
    position,
    version,
    events: events + decoded.length,
    skipped: skipped + decoded.length - readable,
  };
}

function recordedOf(decoded: readonly AuditEntry['decoded'][]): RecordedEvent[] {
  return decoded.flatMap((each) => (each.kind === 'event' ? [each.recorded] : []));
}
