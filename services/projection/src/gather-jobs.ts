import { type RecordedEvent, uuidV7TimeMs } from '@errand/contracts';
import { evolve, expiresAtMs, isEnded, type JobState, mergeJobStates } from '@errand/domain';

/*
 * A job's events lie close together in the log as a rule. So jobs are held until they end, and each row is written once.
 * A job that takes long, or one too many, is let go as it is; what comes of it later is merged into its row.
 *
 * What is held is not written, so everything counts as read only up to the first event of the oldest job held. Jobs are
 * held in the order of their first events, hence that is the one let go first.
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
  /** Of their events as stored. */
  readonly maxBytes: number;
  /** How many events may come behind the first one of a job that is held. */
  readonly maxBehind: number;
}

interface GatheredJobs {
  /** Jobs from their requests on. They have no row unless the log holds a request twice or was read before. */
  readonly fresh: JobState[];
  /** What later events tell of other jobs, each job once. */
  readonly later: JobState[];
  /** Once those are written, everything before it is. */
  readonly place: LogPlace;
}

export interface JobGatherer {
  /** Events in the order of the log. One of a job whose summary has expired by `nowMs` is passed over. */
  take(event: GatheredEvent, nowMs: number): void;
  /** What cannot be read. */
  skip(event: Pick<GatheredEvent, 'position'> & { version: number }): void;
  /** All that is let go so far. */
  drain(): GatheredJobs;
  /** Lets go of everything. */
  letGo(): void;
  /** Behind the last event. */
  readonly readTo: LogPlace;
  /** Of the events of jobs that wait to be drained. */
  readonly readyBytes: number;
}

interface GatheredEvent {
  readonly recorded: RecordedEvent;
  readonly position: number;
  readonly bytes: number;
}

interface HeldJob {
  state: JobState;
  bytes: number;
  readonly isFresh: boolean;
  readonly from: LogPlace;
}

export function createJobGatherer(from: LogPlace, limits: GatherLimits): JobGatherer {
  const held = new Map<string, HeldJob>();
  let fresh: JobState[] = [];
  let later = new Map<string, JobState>();
  let heldBytes = 0;
  let readyBytes = 0;
  let { position, version, events, skipped } = from;
  const place = (): LogPlace => ({ position, version, events, skipped });

  function release(jobId: string, { state, bytes, isFresh }: HeldJob): void {
    held.delete(jobId);
    heldBytes -= bytes;
    readyBytes += bytes;
    if (isFresh) {
      fresh.push(state);
      return;
    }
    const known = later.get(jobId);
    later.set(jobId, known ? mergeJobStates(known, state) : state);
  }

  function releaseOldest(): void {
    for (const [jobId, job] of held) {
      const isWithin =
        held.size <= limits.maxJobs &&
        heldBytes <= limits.maxBytes &&
        events - job.from.events <= limits.maxBehind;
      if (isWithin) return;
      release(jobId, job);
    }
  }

  return {
    take({ recorded, bytes, position: itsPosition }, nowMs) {
      const { jobId } = recorded.ref;
      let job = held.get(jobId);
      if (job) {
        job.state = evolve(job.state, recorded);
        job.bytes += bytes;
        heldBytes += bytes;
      } else if (expiresAtMs(uuidV7TimeMs(jobId)) > nowMs) {
        const isFresh = recorded.event.type === 'JobRequested';
        job = { state: evolve(undefined, recorded), bytes, isFresh, from: place() };
        held.set(jobId, job);
        heldBytes += bytes;
      }
      position = itsPosition;
      version = Math.max(version, recorded.version);
      events++;
      if (job && isEnded(job.state.phase.value.status)) release(jobId, job);
      releaseOldest();
    },
    skip(event) {
      position = event.position;
      version = Math.max(version, event.version);
      events++;
      skipped++;
    },
    drain() {
      const [oldest] = held.values();
      const drained = { fresh, later: [...later.values()], place: oldest?.from ?? place() };
      fresh = [];
      later = new Map();
      readyBytes = 0;
      return drained;
    },
    letGo() {
      for (const [jobId, job] of held) release(jobId, job);
    },
    get readTo() {
      return place();
    },
    get readyBytes() {
      return readyBytes;
    },
  };
}
