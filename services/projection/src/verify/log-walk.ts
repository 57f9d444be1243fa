import type { RecordedEvent } from '@errand/contracts';
import { evolve, isEnded, type JobState } from '@errand/domain';

/*
 * Folds a log that is read once, in order, holding the jobs that have not ended yet and no others. Should more be open
 * than it may hold, it goes on with those that it has seen and leaves out all with higher ids; these are for another
 * walk over the log, which begins at `resumeAt`. Ids sort by the time of the request, as the log does but for clocks that
 * differ, so hardly a job joins behind that line.
 */

type Step =
  /** The job goes on. */
  | { readonly kind: 'open' }
  /** The event ended its job, which is forgotten with this. */
  | { readonly kind: 'ended'; readonly state: JobState }
  /** The event does not belong there: of a job that was not requested, was requested before, or has ended. */
  | { readonly kind: 'stray' }
  /** Not a job of this walk. */
  | { readonly kind: 'passed' };

export interface LogWalk {
  take(recorded: RecordedEvent, position: number): Step;
  /** Those that have not ended so far. */
  open(): Iterable<JobState>;
  /** Jobs from this id on were not looked at; undefined if all were. */
  readonly untilId: string | undefined;
  /** The position of the first event that was left out for that reason. */
  readonly resumeAt: number;
}

/** `fromId`: jobs with lower ids are passed over. It holds `maxOpen` jobs, give or take those out of order. */
export function createLogWalk(options: { fromId: string; maxOpen: number }): LogWalk {
  const { fromId, maxOpen } = options;
  const jobs = new Map<string, JobState>();
  let highestId = '';
  let untilId: string | undefined;
  let resumeAt = Number.POSITIVE_INFINITY;

  return {
    take(recorded, position) {
      const { jobId } = recorded.ref;
      if (jobId < fromId) return { kind: 'passed' };
      if (untilId !== undefined && jobId >= untilId) {
        resumeAt = Math.min(resumeAt, position);
        return { kind: 'passed' };
      }
      const known = jobs.get(jobId);
      if ((recorded.event.type === 'JobRequested') === (known !== undefined)) return { kind: 'stray' };
      if (jobId > highestId) highestId = jobId;
      const state = evolve(known, recorded);
      if (isEnded(state.phase.value.status)) {
        jobs.delete(jobId);
        return { kind: 'ended', state };
      }
      jobs.set(jobId, state);
      // `~` sorts behind every character of an id: the next id of all.
      if (jobs.size >= maxOpen) untilId ??= `${highestId}~`;
      return { kind: 'open' };
    },
    open: () => jobs.values(),
    get untilId() {
      return untilId;
    },
    get resumeAt() {
      return resumeAt;
    },
  };
}
