import { type AuditEntry, decodeText } from '@errand/bus';
import { isEndingType, type JobRef, parseJobSubject, uuidV7TimeMs } from '@errand/contracts';
import { expiresAtMs } from '@errand/domain';
import type { ProjectedJob } from '@errand/postgres';
import { summaryLine } from '../live/job-rows.ts';
import { foldProjected, mergeProjected } from '../live/projected-job.ts';

/*
 * A job's events lie close together in the log as a rule. So jobs are held until they end, and each row is written once.
 * A job that takes long, or one too many, is let go as it is; what comes of it later is merged into its row.
 *
 * What is held is not written, so everything counts as read only up to the first event of the oldest job held. Jobs are
 * held in the order of their first events, hence that is the one let go first.
 *
 * Events are held as text and parsed when their job is let go and becomes a row: objects that live for a while cost
 * more than all that is done with them.
 */

/** A place in the log with what lies before it. */
export interface LogPlace {
  /** Place in the audit log. */
  readonly position: number;
  readonly version: number;
  readonly events: number;
  /** Of those events, the ones that are in no row because they cannot be. */
  readonly skipped: number;
}

export interface GatherLimits {
  readonly maxJobs: number;
  /** Of their events' texts. */
  readonly maxLength: number;
  /** How many events may come behind the first one of a job that is held. */
  readonly maxBehind: number;
}

export interface GatheredJobs {
  /** Jobs that are written for the first time: these have no row unless the log holds a request twice. */
  readonly fresh: { readonly ids: string[]; readonly lines: string[] };
  /** What later events tell of other jobs, each job once. */
  readonly later: ProjectedJob[];
  /** Once all of this is written, everything before it is. */
  readonly place: LogPlace;
}

export interface JobGatherer {
  /** Entries in the order of the log. One of a job whose summary has expired by `nowMs` is passed over. */
  take(entry: Pick<AuditEntry, 'position' | 'version' | 'subject' | 'text'>, nowMs: number): void;
  /** All that was let go since the last time. */
  drain(): GatheredJobs;
  /** Lets go of everything. */
  letGo(): void;
  /** Behind the last event, without what cannot be read in jobs that are held. */
  readonly readTo: LogPlace;
  /** Characters of what waits to be drained, roughly. */
  readonly readyLength: number;
}

interface HeldJob {
  readonly ref: JobRef;
  readonly isFresh: boolean;
  readonly from: Omit<LogPlace, 'skipped'>;
  readonly events: { readonly position: number; readonly version: number; readonly text: string }[];
  length: number;
}

export function createJobGatherer(from: LogPlace, limits: GatherLimits): JobGatherer {
  const held = new Map<string, HeldJob>();
  let fresh: GatheredJobs['fresh'] = { ids: [], lines: [] };
  let later = new Map<string, ProjectedJob>();
  let heldLength = 0;
  let readyLength = 0;
  let { position, version, events, skipped } = from;
  /** Positions of what cannot be read, and is not counted in `skipped` yet. */
  let unreadable: number[] = [];

  function hold(ref: JobRef, isFresh: boolean): HeldJob {
    const job = { ref, isFresh, from: { position, version, events }, events: [], length: 0 };
    held.set(ref.jobId, job);
    return job;
  }

  function release(job: HeldJob): void {
    held.delete(job.ref.jobId);
    heldLength -= job.length;
    const state = stateOf(job);
    if (!state) return;
    const { jobId } = state;
    if (!job.isFresh) {
      const known = later.get(jobId);
      later.set(jobId, known ? mergeProjected(known, state) : state);
      readyLength += job.length;
      return;
    }
    const line = summaryLine(state);
    readyLength += line.length;
    fresh.ids.push(jobId);
    fresh.lines.push(line);
  }

  function releaseOldest(): void {
    for (const job of held.values()) {
      const isWithin =
        held.size <= limits.maxJobs &&
        heldLength <= limits.maxLength &&
        events - job.from.events <= limits.maxBehind;
      if (isWithin) return;
      release(job);
    }
  }

  function stateOf({ ref, events: texts }: HeldJob): ProjectedJob | undefined {
    return foldProjected(
      texts.flatMap((each) => {
        const decoded = decodeText(ref, each);
        if (decoded.kind === 'event') return [decoded.recorded];
        unreadable.push(each.position);
        return [];
      }),
    );
  }

  function placeBefore(place: Omit<LogPlace, 'skipped'>): LogPlace {
    const before = unreadable.filter((each) => each <= place.position).length;
    return { ...place, skipped: skipped + before };
  }

  return {
    take(entry, nowMs) {
      const { ref, type } = parseJobSubject(entry.subject) ?? {};
      let job = ref && held.get(ref.jobId);
      if (!ref) unreadable.push(entry.position);
      else if (!job && expiresAtMs(uuidV7TimeMs(ref.jobId)) > nowMs) job = hold(ref, type === 'JobRequested');
      ({ position } = entry);
      version = Math.max(version, entry.version);
      events++;
      if (job) {
        const { text } = entry;
        job.events.push({ position, version: entry.version, text });
        job.length += text.length;
        heldLength += text.length;
        if (isEndingType(type)) release(job);
      }
      releaseOldest();
    },
    drain() {
      const [oldest] = held.values();
      const place = placeBefore(oldest?.from ?? { position, version, events });
      const drained = { fresh, later: [...later.values()], place };
      ({ skipped } = place);
      unreadable = unreadable.filter((each) => each > place.position);
      fresh = { ids: [], lines: [] };
      later = new Map();
      readyLength = 0;
      return drained;
    },
    letGo() {
      for (const job of held.values()) release(job);
    },
    get readTo() {
      return placeBefore({ position, version, events });
    },
    get readyLength() {
      return readyLength;
    },
  };
}
