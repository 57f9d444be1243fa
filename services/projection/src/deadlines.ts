import type { Bus } from '@errand/bus';
import { isEndingType, type JobRef, type RecordedEvent } from '@errand/contracts';

/*
 * Which jobs must end by themselves, and when, for the time in which the table cannot be asked. It begins with what the
 * table said last and goes on with the log, from the place that the table had reached by then; without a table, as where
 * Postgres is away from the start, with all of the log.
 */

/** A job that has not ended, with the deadlines that still count (RFC 3339), and the newest event known of it. */
export interface OpenJob {
  readonly ref: JobRef;
  readonly version: number;
  /** Undefined once an attempt has begun. */
  readonly startBy: string | undefined;
  readonly finishBy: string;
}

export interface Deadlines {
  /** What the table has, and up to which version of the log it has everything. */
  reset(jobs: readonly OpenJob[], upTo: number): void;
  /** Reads on in the log. @throws LogUnavailable */
  readOn(bus: Pick<Bus, 'readLog'>): Promise<void>;
  /** Those with a deadline behind them. */
  overdue(nowMs: number): OpenJob[];
  /** It has ended, or will be looked for elsewhere. */
  forget(jobId: string): void;
}

const PAGE_SIZE = 1_000;

export function createDeadlines(): Deadlines {
  let open = new Map<string, OpenJob>();
  let place = 0;

  function take({ ref, version, event }: RecordedEvent): void {
    const known = open.get(ref.jobId);
    if (event.type === 'JobRequested') {
      const { start_by: startBy, finish_by: finishBy } = event.data;
      open.set(ref.jobId, { ref, version, startBy, finishBy });
    } else if (known && event.type === 'JobStarted') {
      open.set(ref.jobId, { ...known, version, startBy: undefined });
    } else if (isEndingType(event.type)) open.delete(ref.jobId);
  }

  return {
    reset(jobs, upTo) {
      open = new Map(jobs.map((job) => [job.ref.jobId, job]));
      place = upTo;
    },
    async readOn(bus) {
      for await (const { decoded, version } of bus.readLog({ afterVersion: place, pageSize: PAGE_SIZE })) {
        for (const each of decoded) if (each.kind === 'event') take(each.recorded);
        place = version;
      }
    },
    overdue: (nowMs) =>
      [...open.values()].filter(({ startBy, finishBy }) =>
        [startBy, finishBy].some((deadline) => deadline !== undefined && Date.parse(deadline) <= nowMs),
      ),
    forget: (jobId) => void open.delete(jobId),
  };
}
