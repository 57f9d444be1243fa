import type { AuditEntry, Bus } from '@errand/bus';
import type { Db } from '@errand/postgres';
import { isRefusal } from '../live/on-job-events.ts';
import { createJobGatherer, type GatherLimits, type LogPlace } from './gather-jobs.ts';
import type { PageWriter } from './write-pages.ts';

/*
 * The audit log on its way into the table of a rebuild. Jobs are written whole where that works, while the next ones are
 * read. It does not where Postgres refuses one, be it for what an event holds or because the job has a row: then it is not
 * known which event is at fault, so what was read since the place reached is read again and folded event by event, up to
 * where that happened.
 */

/** Pages are short, so what is made of an event is garbage before the collector takes it for long-lived. */
const READ_PAGE = 500;
/** Pages that are folded event by event: longer ones hold more of a job's events, so its row is written less often. */
const FOLDED_PAGE = 2_500;
/** Characters of events that are held. */
const HELD_LENGTH = 32_000_000;
/** Characters of rows that are written at once. */
const WRITTEN_LENGTH = 4_000_000;
/** How far the place written down may lie behind, in pages of the setting: as much is read again after a crash. */
const BEHIND_PAGES = 10;

export interface LongLogDeps {
  readonly bus: { readonly audit: Pick<Bus['audit'], 'read'> };
  readonly writer: Pick<PageWriter, 'write' | 'writeJobs'>;
  readonly now: () => number;
  readonly signal: AbortSignal;
  readonly pageSize: number;
  /** Where to begin if `place` is the beginning, Unix milliseconds. */
  readonly sinceMs: number;
  /** Writes a place down, together with what lies before it. */
  readonly record: (trx: Db, progress: ReadProgress) => Promise<void>;
}

export interface ReadProgress {
  /** Everything before it is written. */
  readonly place: LogPlace;
  /** Events behind the place. */
  readonly remaining: number;
  /** Events that were read, also those of jobs that are held. */
  readonly read: number;
}

/**
 * Reads from a place to the end of the audit log and resolves with the place there.
 * @throws RebuildEnded; LogUnavailable; what Postgres throws
 */
export async function readLongLog(from: LogPlace, deps: LongLogDeps): Promise<LogPlace> {
  const limits = {
    maxJobs: deps.pageSize,
    maxLength: HELD_LENGTH,
    maxBehind: deps.pageSize * BEHIND_PAGES,
  };
  let place = from;
  // Whoever goes on after a crash meets rows of jobs that were behind the place.
  let eventwiseTo = from.position > 0 ? from.position + limits.maxBehind + deps.pageSize : 0;
  for (;;) {
    if (place.position < eventwiseTo) place = await readByEvent(place, eventwiseTo, deps);
    const read = await readByJob(place, limits, deps);
    place = read.place;
    if (read.kind === 'end') return place;
    eventwiseTo = read.refusedUpTo;
  }
}

type ByJob =
  | { readonly kind: 'end'; readonly place: LogPlace }
  | { readonly kind: 'refused'; readonly place: LogPlace; readonly refusedUpTo: number };

async function readByJob(from: LogPlace, limits: GatherLimits, deps: LongLogDeps): Promise<ByJob> {
  const { writer, now, signal, pageSize } = deps;
  const jobs = createJobGatherer(from, limits);
  let place = from;
  let drainedAt = from.events;
  let writing = Promise.resolve();

  /** Resolves when the write before this one has ended. */
  async function write(remaining: number): Promise<void> {
    await writing;
    signal.throwIfAborted();
    const drained = jobs.drain();
    const { events: read } = jobs.readTo;
    drainedAt = read;
    const progress = {
      place: drained.place,
      remaining: read - drained.place.events + remaining,
      read,
    };
    writing = writer
      .writeJobs(drained, (trx) => deps.record(trx, progress))
      .then(() => {
        place = drained.place;
      });
    // Looked at before the next one.
    writing.catch(() => {});
  }

  try {
    for await (const page of pagesBehind(from, READ_PAGE, deps)) {
      const nowMs = now();
      for (const entry of page.entries) jobs.take(entry, nowMs);
      const isEnough = jobs.readTo.events - drainedAt >= pageSize || jobs.readyLength >= WRITTEN_LENGTH;
      if (isEnough) await write(page.remaining);
    }
    jobs.letGo();
    await write(0);
    await writing;
    return { kind: 'end', place };
  } catch (error) {
    // None may go on in a session that is used by others then.
    await writing.catch(() => {});
    if (!isRefusal(error)) throw error;
    return { kind: 'refused', place, refusedUpTo: jobs.readTo.position };
  }
}

/**
 * Up to a position or to the end of the audit log, event by event, as where jobs may have rows already.
 * @throws as `readLongLog`
 */
export async function readByEvent(from: LogPlace, upTo: number, deps: LongLogDeps): Promise<LogPlace> {
  let place = from;
  for await (const { entries, position, remaining } of pagesBehind(from, FOLDED_PAGE, deps)) {
    deps.signal.throwIfAborted();
    const readable = entries.flatMap(({ decoded }) => (decoded.kind === 'event' ? [decoded.recorded] : []));
    const before = place;
    await deps.writer.write(readable, async (trx, refused) => {
      place = {
        position,
        version: Math.max(before.version, versionOf(entries.at(-1))),
        events: before.events + entries.length,
        skipped: before.skipped + entries.length - readable.length + refused,
      };
      await deps.record(trx, { place, remaining, read: place.events });
    });
    if (position >= upTo) break;
  }
  return place;
}

function pagesBehind({ position }: LogPlace, size: number, { bus, pageSize, sinceMs }: LongLogDeps) {
  const from = position > 0 ? { afterPosition: position } : { sinceMs };
  return bus.audit.read({ ...from, pageSize: Math.min(pageSize, size) });
}

function versionOf(entry: AuditEntry | undefined): number {
  return entry?.version ?? 0;
}
