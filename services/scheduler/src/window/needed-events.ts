import { isEndingType, type JobEventType } from '@errand/contracts';

/*
 * From which event on the log is needed: by jobs that have not ended, whose events are read again, and by jobs whose
 * ending some reader has still to take in, since it may then read the job's request.
 *
 * Jobs stand in a row in the order of their first events. The oldest leave it once they have ended and everybody has
 * read so; so a job that goes on keeps all that is younger, and costs what the log costs anyway.
 */

export interface NeededEvents {
  /** Takes the events of the log in their order. */
  take(jobId: string, type: JobEventType | undefined, event: TakenEvent): void;
  /**
   * The first version that is needed, if every reader has settled all up to a version; and the job that needs it, if
   * it is one that has not ended.
   */
  from(settledVersion: number): { version: number; openJob: string | undefined };
  /** The oldest jobs that have not ended, in their order, whose first event was stored before a time. */
  openBefore(storedMs: number): Iterable<string>;
  /** How much of what jobs have in the log, from the first needed event on, is of those that have not ended, from 0 to 1. */
  openShare(): number;
  /** A job has ended, and left the log before its ending was taken. */
  forget(jobId: string): void;
  /** Takes what is no event of a job. */
  pass(version: number): void;
  /** The version of the newest event taken. */
  readonly version: number;
  /** The newest version taken or passed. */
  readonly readTo: number;
}

interface TakenEvent {
  readonly version: number;
  readonly storedMs: number;
  readonly bytes: number;
}

interface Entry {
  readonly jobId: string;
  readonly version: number;
  readonly storedMs: number;
  /** Of its ending, or of the JobCarried that stands for it; 0 while there is none. */
  goneAt: number;
  /** Of its events up to there. */
  bytes: number;
}

/** So many places at the front may be empty before the rest moves up. */
const MOVE_UP_FROM = 10_000;

export function createNeededEvents(): NeededEvents {
  const open = new Map<string, Entry>();
  let row: Entry[] = [];
  let front = 0;
  let newest = 0;
  let readTo = 0;
  /** Of the jobs in the row, and of those among them that are open. */
  let [rowBytes, openBytes] = [0, 0];

  function leave(jobId: string, version: number): void {
    const entry = open.get(jobId);
    if (!entry) return;
    entry.goneAt = version;
    openBytes -= entry.bytes;
    open.delete(jobId);
  }

  function enter(jobId: string, { version, storedMs }: TakenEvent): Entry {
    const entry = { jobId, version, storedMs, goneAt: 0, bytes: 0 };
    row.push(entry);
    open.set(jobId, entry);
    return entry;
  }

  return {
    take(jobId, type, event) {
      const { version, bytes } = event;
      newest = version;
      readTo = version;
      if (type === 'JobCarried') leave(jobId, version);
      const begins = type === 'JobRequested' || type === 'JobCarried';
      const entry = open.get(jobId) ?? (begins ? enter(jobId, event) : undefined);
      if (!entry) return;
      entry.bytes += bytes;
      rowBytes += bytes;
      openBytes += bytes;
      if (isEndingType(type)) leave(jobId, version);
    },
    from(settledVersion) {
      for (let entry = row[front]; entry && isSettled(entry, settledVersion); entry = row[front]) {
        front++;
        rowBytes -= entry.bytes;
      }
      if (front > MOVE_UP_FROM && front > row.length / 2) {
        row = row.slice(front);
        front = 0;
      }
      const first = row[front];
      if (!first || first.version > settledVersion) {
        return { version: settledVersion + 1, openJob: undefined };
      }
      return { version: first.version, openJob: first.goneAt === 0 ? first.jobId : undefined };
    },
    *openBefore(storedMs) {
      for (let place = front; place < row.length; place++) {
        const entry = row[place];
        if (!entry || entry.storedMs >= storedMs) return;
        if (entry.goneAt === 0) yield entry.jobId;
      }
    },
    openShare: () => openBytes / Math.max(1, rowBytes),
    forget: (jobId) => leave(jobId, newest),
    pass(version) {
      readTo = version;
    },
    get version() {
      return newest;
    },
    get readTo() {
      return readTo;
    },
  };
}

function isSettled({ goneAt }: Entry, settledVersion: number): boolean {
  return goneAt > 0 && goneAt <= settledVersion;
}
