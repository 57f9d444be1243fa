import { isEnded } from '@errand/domain';
import { defineRoute } from '../http/define-route.ts';
import { Refusal } from '../http/problem.ts';
import * as parameters from '../openapi/parameters.ts';
import { answerInline, answerStored } from './answer-download.ts';
import { findJob } from './find-job.ts';
import { readJobQuery } from './job-query.ts';
import type { JobsGroup } from './jobs-group.ts';

/**
 * What the job came to, as a download. A file is sent as it was made; where it cannot be read to its end, the
 * answer breaks off. Any other result is sent as JSON.
 */
export const downloadResult = defineRoute({
  method: 'get',
  path: '/v2/tenants/{tenant_id}/jobs/{job_id}/result',
  key: 'tenant',
  scope: 'jobs:read',
  query: 'none',
  id: 'downloadResult',
  tag: 'Jobs',
  summary: "A job's result",
  description: 'A file as it was made, any other result as JSON. Its SHA-256 is the `ETag`.',
  parameters: [parameters.tenantId, parameters.jobId, parameters.ifNoneMatch],
  answers: {
    200: {
      description: 'The result.',
      content: {
        'application/json': { schema: {} },
        '*/*': { schema: { type: 'string', format: 'binary' } },
      },
      headers: ['ETag', 'Content-Disposition'],
    },
    304: { description: 'The caller has it already.', headers: ['ETag'] },
  },
  problems: [
    'unknown_job',
    'no_result',
    'not_ended',
    'job_expired',
    'result_gone',
    'history_out_of_reach',
    'invalid_input',
  ],
  handle:
    ({ jobs }: JobsGroup) =>
    async (c, { tenantId }) => {
      const { jobId } = readJobQuery({ jobId: c.req.param('job_id') }, jobs.now());
      c.env.jobId = jobId;
      const state = await findJob(jobs, { tenantId, jobId, action: undefined, minVersion: 0 });
      c.env.action = state.action;
      const { status } = state.phase.value;
      if (!isEnded(status)) throw new Refusal('not_ended', { detail: `The job is ${status}.` });
      if (status !== 'succeeded') throw new Refusal('no_result');
      const { result, resultRef } = state.outcome.value;
      return resultRef
        ? answerStored(c, jobs, { ref: resultRef, job: state, gone: 'result_gone' })
        : answerInline(c, result);
    },
});
