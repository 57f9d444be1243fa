import type { InputError } from '@errand/contracts';
import { ANY_PLACE } from '../actions/find-action.ts';
import type { TenantHandler } from '../http/authenticate.ts';
import { Refusal } from '../http/problem.ts';
import { refuseUnknownParameters } from '../http/read-query.ts';
import type { Ctx } from '../http/request-log.ts';
import { answer } from '../http/respond.ts';
import { hadHappened, readAsOf } from './history/as-of.ts';
import { foldHistory, type JobHistoryDeps } from './history/history.ts';
import { readJobQuery } from './job-query.ts';
import { summaryOf } from './job-summary.ts';
import { type LookUpDeps, lookUpJob } from './look-up-job.ts';

type GetJobDeps = LookUpDeps & JobHistoryDeps;

/** GET …/jobs/{job_id}[?wait=n | ?as_of=…]: the summary of a job of any action, as it is or as it was. */
export function getJob(deps: GetJobDeps): TenantHandler {
  return (c, { tenantId }) => {
    refuseUnknownParameters(c, ['min_version', 'wait', 'as_of']);
    const { min_version: minVersion, wait, as_of: asOf } = c.req.query();
    if (asOf !== undefined) return answerAsOf(c, deps, { tenantId, asOf });
    const query = readJobQuery({ jobId: c.req.param('job_id'), minVersion, wait }, deps.now());
    return lookUpJob(c, deps, { tenantId, query, place: ANY_PLACE });
  };
}

/** What a status call would have answered then. It never changes, so it does not say when to ask again. */
async function answerAsOf(
  c: Ctx,
  deps: GetJobDeps,
  wanted: { tenantId: string; asOf: string },
): Promise<Response> {
  const { jobId } = readJobQuery({ jobId: c.req.param('job_id'), mayHaveExpired: true }, deps.now());
  c.env.jobId = jobId;
  const errors = ['wait', 'min_version'].flatMap((parameter): InputError[] => {
    const detail = 'cannot be told beside as_of';
    return c.req.query(parameter) === undefined ? [] : [{ parameter, code: 'unsupported', detail }];
  });
  if (errors.length > 0) throw new Refusal('invalid_input', { errors });
  const asOf = readAsOf(wanted.asOf, deps.now());
  const job = { tenantId: wanted.tenantId, jobId };
  const state = await foldHistory(deps, job, (recorded) => hadHappened(recorded, asOf));
  const summary = state && summaryOf(state, deps.catalogue);
  if (!summary) throw new Refusal('unknown_job', { detail: 'There was no such job here at that time.' });
  return answer(c, {
    status: 200,
    body: summary,
    headers: { 'cache-control': 'private, no-cache', etag: `W/"${summary.version}"` },
  });
}
