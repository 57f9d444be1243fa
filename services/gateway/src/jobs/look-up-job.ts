import type { Bus, StoredEvent } from '@errand/bus';
import type { QueuePlace } from '@errand/contracts';
import { isEnded, type JobState } from '@errand/domain';
import type { ActionCatalogue } from '../actions/action-catalogue.ts';
import { assertAt, type JobPlace } from '../actions/find-action.ts';
import { type Ctx, endsOfWait } from '../http/request-log.ts';
import { type FindJobDeps, findJob } from './find-job.ts';
import { answerJob, isKnownVersion } from './job-answer.ts';
import type { JobQuery } from './job-query.ts';
import { awaitJob, isEnding, type JobWatch } from './job-watch.ts';
import type { StatusRate } from './status-rate.ts';

export interface LookUpDeps extends FindJobDeps {
  readonly bus: FindJobDeps['bus'] & { readonly commands: Pick<Bus['commands'], 'askScheduler'> };
  readonly catalogue: ActionCatalogue;
  readonly watch: JobWatch;
  readonly statusRate: StatusRate;
}

/**
 * Answers with a job's summary: as it is, or, where the caller waits, as soon as it has something for the caller. That
 * is another version than the one of If-None-Match, the version of min_version, or without either the job's end.
 */
export async function lookUpJob(
  c: Ctx,
  deps: LookUpDeps,
  wanted: { tenantId: string; query: JobQuery; place: JobPlace },
): Promise<Response> {
  const { tenantId, query, place } = wanted;
  const { jobId, minVersion, waitS } = query;
  c.env.jobId = jobId;
  deps.statusRate(c, tenantId);
  const read = async (atLeast?: number) => {
    const state = await findJob(deps, { tenantId, jobId, action: place.action, minVersion, atLeast });
    assertAt(place, state);
    return state;
  };
  const state = waitS === 0 ? await read() : await waitFor(c, deps, { query, tenantId, read });
  return answerJob(c, state, { ...deps, queue: await placeOf(state, deps) });
}

/** Why a queued job waits, if the scheduler says so in time. */
async function placeOf(state: JobState, { bus }: LookUpDeps): Promise<QueuePlace | undefined> {
  if (state.phase.value.status !== 'queued') return undefined;
  try {
    const wanted = { job_id: state.jobId, version: state.version };
    const answer = await bus.commands.askScheduler('place', wanted);
    return answer.kind === 'place' ? answer.place : undefined;
  } catch {
    return undefined;
  }
}

function waitFor(
  c: Ctx,
  deps: LookUpDeps,
  wanted: { query: JobQuery; tenantId: string; read: (atLeast?: number) => Promise<JobState> },
): Promise<JobState> {
  const { jobId, minVersion, waitS } = wanted.query;
  const known = c.req.raw.headers.get('if-none-match');
  const wantsVersion = known !== null || minVersion > 0;
  const isWanted = (version: number) => version >= minVersion && !isKnownVersion(known, version);
  return awaitJob(
    deps.watch,
    { tenantId: wanted.tenantId, jobId },
    {
      read: wanted.read,
      signals: endsOfWait(c),
      timeoutMs: waitS * 1_000,
      isEnough: (state) => isEnded(state.phase.value.status) || (wantsVersion && isWanted(state.version)),
      wakesOn: (stored: StoredEvent) => isEnding(stored) || (wantsVersion && isWanted(stored.version)),
    },
  );
}
