import { z } from 'zod';
import { ANY_PLACE, findPlace, type JobPlace } from '../actions/find-action.ts';
import type { Caller } from '../http/authenticate.ts';
import { parseBody } from '../http/body-errors.ts';
import { defineActionRoute, defineRoute } from '../http/define-route.ts';
import { type HttpGroup, readOptionalJsonObject } from '../http/read-body.ts';
import { refuseUnknownParameters } from '../http/read-query.ts';
import type { Ctx } from '../http/request-log.ts';
import { CANCEL_PROBLEMS, cancelAnswers } from '../openapi/job-answers.ts';
import { jsonBody } from '../openapi/operation.ts';
import * as parameters from '../openapi/parameters.ts';
import { named, refTo } from '../openapi/schemas.ts';
import { answerSummary } from './job-answer.ts';
import { readJobQuery } from './job-query.ts';
import type { JobsGroup } from './jobs-group.ts';
import { CancelReason, requestCancel } from './request-cancel.ts';

const CancelBody = named('CancelRequest', z.strictObject({ reason: CancelReason.optional() }));

/** 200 for a job that is canceled, 202 for one whose executor is asked to stop. */
export const cancelJob = defineRoute({
  method: 'post',
  path: '/v2/tenants/{tenant_id}/jobs/{job_id}/cancel',
  key: 'tenant',
  scope: 'jobs:cancel',
  query: 'none',
  id: 'cancelJob',
  tag: 'Jobs',
  summary: 'Cancel a job',
  description: 'One that is queued ends at once; of one that runs the executor is asked.',
  parameters: [parameters.tenantId, parameters.jobId],
  body: jsonBody(CancelBody, { required: false }),
  answers: cancelAnswers(refTo('JobSummary')),
  problems: CANCEL_PROBLEMS,
  handle: (deps: HttpGroup & JobsGroup) => (c, caller) => {
    const { jobId } = readJobQuery({ jobId: c.req.param('job_id') }, deps.jobs.now());
    return cancel(c, deps, { jobId, caller, place: ANY_PLACE });
  },
});

/** The same for a job of this very action and resource. */
export const cancelActionJob = defineActionRoute({
  method: 'post',
  verb: 'cancel',
  scope: 'jobs:cancel',
  describe: ({ name, place, schemas }) => ({
    id: `cancel${schemas.pascalName}`,
    summary: `Cancel a job of ${name}`,
    description: 'Asks for the end of a job of this very action and resource.',
    parameters: [...place, parameters.neededJobId],
    body: jsonBody(CancelBody, { required: false }),
    answers: cancelAnswers(refTo(schemas.summaryId)),
    problems: ['unknown_action', ...CANCEL_PROBLEMS],
  }),
  handle: (deps: HttpGroup & JobsGroup) => async (c, caller) => {
    refuseUnknownParameters(c, ['job_id']);
    const place = await findPlace(c, deps.jobs.catalogue);
    const { jobId } = readJobQuery({ jobId: c.req.query('job_id') }, deps.jobs.now());
    return cancel(c, deps, { jobId, caller, place });
  },
});

async function cancel(
  c: Ctx,
  { http, jobs }: HttpGroup & JobsGroup,
  wanted: { jobId: string; caller: Caller; place: JobPlace },
): Promise<Response> {
  const { jobId, caller, place } = wanted;
  c.env.jobId = jobId;
  const { reason } = parseBody(CancelBody, (await readOptionalJsonObject(c, http)).body);
  const { tenantId, name: by } = caller;
  const { state, isOver } = await requestCancel(jobs, { tenantId, jobId, place, by, reason });
  const { catalogue, now } = jobs;
  return answerSummary(c, state, { catalogue, now, status: isOver ? 200 : 202 });
}
