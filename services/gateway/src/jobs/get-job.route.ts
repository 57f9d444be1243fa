import type { InputError } from '@errand/contracts';
import { ANY_PLACE, findPlace } from '../actions/find-action.ts';
import { defineActionRoute, defineRoute } from '../http/define-route.ts';
import { Refusal } from '../http/problem.ts';
import { refuseUnknownParameters } from '../http/read-query.ts';
import type { Ctx } from '../http/request-log.ts';
import { answer } from '../http/respond.ts';
import { summaryAnswer, summaryHeaders } from '../openapi/job-answers.ts';
import { inQuery } from '../openapi/operation.ts';
import * as parameters from '../openapi/parameters.ts';
import { refTo } from '../openapi/schemas.ts';
import { hadHappened, readAsOf } from './history/as-of.ts';
import { foldHistory } from './history/history.ts';
import { readJobQuery } from './job-query.ts';
import { summaryOf } from './job-summary.ts';
import type { JobsGroup } from './jobs-group.ts';
import { lookUpJob } from './look-up-job.ts';

/** The summary of a job of any action, as it is or as it was. */
export const getJob = defineRoute({
  method: 'get',
  path: '/v2/tenants/{tenant_id}/jobs/{job_id}',
  key: 'tenant',
  scope: 'jobs:read',
  id: 'getJob',
  tag: 'Jobs',
  summary: 'A job of any action',
  description: 'As it is, or with `as_of` as it was at a version or a time.',
  parameters: [
    parameters.tenantId,
    parameters.jobId,
    parameters.wait,
    parameters.minVersion,
    parameters.ifNoneMatch,
    inQuery('as_of', 'A version, or a time (RFC 3339). Not beside `wait` and `min_version`.', {
      anyOf: [{ type: 'integer', minimum: 1, maximum: 999_999_999_999_999 }, parameters.instant],
    }),
  ],
  answers: {
    200: { ...summaryAnswer('The job.', refTo('JobSummary')), headers: ['ETag', 'Retry-After'] },
    304: { description: 'The caller has this version already.', headers: ['ETag', 'Retry-After'] },
  },
  problems: [
    'unknown_job',
    'job_expired',
    'events_gone',
    'history_out_of_reach',
    'invalid_input',
    'too_many_status_requests',
  ],
  handle:
    ({ jobs }: JobsGroup) =>
    (c, { tenantId }) => {
      refuseUnknownParameters(c, ['min_version', 'wait', 'as_of']);
      const { min_version: minVersion, wait, as_of: asOf } = c.req.query();
      if (asOf !== undefined) return answerAsOf(c, jobs, { tenantId, asOf });
      const query = readJobQuery({ jobId: c.req.param('job_id'), minVersion, wait }, jobs.now());
      return lookUpJob(c, jobs, { tenantId, query, place: ANY_PLACE });
    },
});

/** What a status call would have answered then. It never changes, so it does not say when to ask again. */
async function answerAsOf(
  c: Ctx,
  jobs: JobsGroup['jobs'],
  wanted: { tenantId: string; asOf: string },
): Promise<Response> {
  const { jobId } = readJobQuery({ jobId: c.req.param('job_id'), mayHaveExpired: true }, jobs.now());
  c.env.jobId = jobId;
  const errors = ['wait', 'min_version'].flatMap((parameter): InputError[] => {
    const detail = 'cannot be combined with as_of';
    return c.req.query(parameter) === undefined ? [] : [{ parameter, code: 'unsupported', detail }];
  });
  if (errors.length > 0) throw new Refusal('invalid_input', { errors });
  const asOf = readAsOf(wanted.asOf, jobs.now());
  const job = { tenantId: wanted.tenantId, jobId };
  const state = await foldHistory(jobs, job, (recorded) => hadHappened(recorded, asOf));
  const summary = state && summaryOf(state, jobs.catalogue);
  if (!summary) throw new Refusal('unknown_job', { detail: 'The job did not exist at that time.' });
  return answer(c, {
    status: 200,
    body: summary,
    headers: { 'cache-control': 'private, no-cache', etag: `W/"${summary.version}"` },
  });
}

/** The summary of a job of this very action and resource. */
export const getStatus = defineActionRoute({
  method: 'get',
  verb: 'status',
  scope: 'jobs:read',
  describe: ({ name, place, schemas }) => ({
    id: `get${schemas.pascalName}Status`,
    summary: `Status of a job of ${name}`,
    description: 'With `wait` the answer comes once the job has ended, or when the time is over.',
    parameters: [
      ...place,
      parameters.neededJobId,
      parameters.wait,
      parameters.minVersion,
      parameters.ifNoneMatch,
    ],
    answers: {
      200: { ...summaryAnswer('The job.', refTo(schemas.summaryId)), headers: summaryHeaders },
      304: { description: 'The caller has this version already.', headers: summaryHeaders },
    },
    problems: [
      'unknown_action',
      'unknown_job',
      'job_expired',
      'invalid_input',
      'history_out_of_reach',
      'too_many_status_requests',
    ],
  }),
  handle:
    ({ jobs }: JobsGroup) =>
    async (c, { tenantId }) => {
      refuseUnknownParameters(c, ['job_id', 'min_version', 'wait']);
      const place = await findPlace(c, jobs.catalogue);
      const { job_id: jobId, min_version: minVersion, wait } = c.req.query();
      const query = readJobQuery({ jobId, minVersion, wait }, jobs.now());
      return lookUpJob(c, jobs, { tenantId, query, place });
    },
});
