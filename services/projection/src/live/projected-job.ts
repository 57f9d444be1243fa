import type { RecordedEvent } from '@errand/contracts';
import { evolve, type JobState, mergeJobStates } from '@errand/domain';
import type { ProjectedJob } from '@errand/postgres';

/*
 * The fold of libs/domain with when the first attempt began, which is counted. It is not one of the registers, since the
 * last event of each type does not tell it. The earliest time stays, so it too comes out the same in any order.
 */

/** A job once an event is known. */
export function evolveProjected(job: ProjectedJob | undefined, recorded: RecordedEvent): ProjectedJob {
  return withStart(evolve(job, recorded), earlier(job?.firstStartedAt, startOf(recorded.event)));
}

/** Folds any number of events of one job, in any order. */
export function foldProjected(events: Iterable<RecordedEvent>): ProjectedJob | undefined {
  let job: ProjectedJob | undefined;
  for (const recorded of events) job = evolveProjected(job, recorded);
  return job;
}

/** What two readers together know of one job. */
export function mergeProjected(a: ProjectedJob, b: ProjectedJob): ProjectedJob {
  return withStart(mergeJobStates(a, b), earlier(a.firstStartedAt, b.firstStartedAt));
}

function withStart(state: JobState, firstStartedAt: string | null): ProjectedJob {
  return { ...state, firstStartedAt };
}

function startOf(event: RecordedEvent['event']): string | null {
  if (event.type === 'JobStarted') return event.time;
  return event.type === 'JobCarried' ? (event.data.started_at ?? null) : null;
}

function earlier(a: string | null | undefined, b: string | null | undefined): string | null {
  if (!a || !b) return a || b || null;
  return Date.parse(a) <= Date.parse(b) ? a : b;
}
