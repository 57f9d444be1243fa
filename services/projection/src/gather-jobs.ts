import { type AuditEntry, decodeText } from '@errand/bus';
import { type JobRef, refOfSubject, typeOfSubject, uuidV7TimeMs } from '@errand/contracts';
import { expiresAtMs, foldJob, type JobState, mergeJobStates } from '@errand/domain';
import { summaryLine } from './job-summary-table.ts';

/*
 * A job's events lie close together in the log as a rule. So jobs are held until they end, and each row is written once.
 * A job that takes long, or one too many, is let go as it is; what comes of it later is merged into its row.
 *
 * What is held is not written, so everything counts as read only up to the first event of the oldest job held. Jobs are
 * held in the order of their first events, hence that is the one let go first.
 *
 * Events are held as text and read when their job is written: a million objects that live for a while cost more than
 * what is done with them.
 */

/** A place in the log with what lies before it. */
export interface LogPlace {
  /** Place in the long log. */
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
  readonly later: JobState[];
  /** Once all of this is written, everything before it is. */
  readonly place: LogPlace;
}

export interface JobGatherer {
  /** Entries in the order of the log. One of a job whose summary has expired by `nowMs` is passed over. */
  take(entry: Pick<AuditEntry, 'position' | 'version' | 'subject' | 'text'>, nowMs: number): void;
  /** All that has been let go. */
  drain(): GatheredJobs;
  /** Lets go of everything. */
  letGo(): void;
  /** Behind the last event; `skipped` as of the last drain. */
  readonly readTo: LogPlace;
  /** Of the texts that wait to be drained. */
  readonly readyLength: number;
}

interface HeldJob {
  readonly ref: JobRef;
  readonly isFresh: boolean;
  readonly from: Omit<LogPlace, 'skipped'>;
  readonly events: { readonly position: number; readonly version: number; readonly text: string }[];
  length: number;
}

const ENDINGS: ReadonlySet<string | undefined> = new Set([
  'JobSucceeded',
  'JobFailed',
  'JobCanceled',
  'JobExpired',
]);

export function createJobGatherer(from: LogPlace, limits: GatherLimits): JobGatherer {
  const held = new Map<string, HeldJob>();
  let ready: HeldJob[] = [];
  let heldLength = 0;
  let readyLength = 0;
  let { position, version, events } = from;
  /** Positions of what cannot be read. */
  const unreadable: number[] = [];

  function hold(ref: JobRef, isFresh: boolean): HeldJob {
    const job = { ref, isFresh, from: { position, version, events }, events: [], length: 0 };
    held.set(ref.jobId, job);
    return job;
  }

  function release(job: HeldJob): void {
    held.delete(job.ref.jobId);
    heldLength -= job.length;
    readyLength += job.length;
    ready.push(job);
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

  function stateOf({ ref, events: texts }: HeldJob): JobState | undefined {
    return foldJob(
      texts.flatMap((each) => {
        const decoded = decodeText(ref, each);
        if (decoded.kind === 'event') return [decoded.recorded];
        unreadable.push(each.position);
        return [];
      }),
    );
  }

  function placeBefore(place: Omit<LogPlace, 'skipped'>): LogPlace {
    const skipped = unreadable.filter((each) => each <= place.position).length;
    return { ...place, skipped: from.skipped + skipped };
  }

  return {
    take(entry, nowMs) {
      const ref = refOfSubject(entry.subject);
      const type = typeOfSubject(entry.subject);
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
        if (ENDINGS.has(type)) release(job);
      }
      releaseOldest();
    },
    drain() {
      const fresh: GatheredJobs['fresh'] = { ids: [], lines: [] };
      const later = new Map<string, JobState>();
      for (const job of ready) {
        const state = stateOf(job);
        if (!state) continue;
        const { jobId } = job.ref;
        if (job.isFresh) {
          fresh.ids.push(jobId);
          fresh.lines.push(summaryLine(state));
          continue;
        }
        const known = later.get(jobId);
        later.set(jobId, known ? mergeJobStates(known, state) : state);
      }
      ready = [];
      readyLength = 0;
      const [oldest] = held.values();
      return {
        fresh,
        later: [...later.values()],
        place: placeBefore(oldest?.from ?? { position, version, events }),
      };
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
