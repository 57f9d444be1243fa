import { defineRoute } from '../http/define-route.ts';
import * as parameters from '../openapi/parameters.ts';
import { answerInline, answerStored } from './answer-download.ts';
import { readJobQuery } from './job-query.ts';
import { readJobRequest } from './job-request.ts';
import type { JobsGroup } from './jobs-group.ts';

/** What the job was asked to work on, as it was sent, also once the job has ended. */
export const downloadInput = defineRoute({
  method: 'get',
  path: '/v2/tenants/{tenant_id}/jobs/{job_id}/input',
  key: 'tenant',
  scope: 'jobs:read',
  query: 'none',
  id: 'downloadInput',
  tag: 'Jobs',
  summary: "A job's input",
  description:
    'As JSON, without `_job`. Its SHA-256 is the `ETag`. It can be read as long as the log has it.',
  parameters: [parameters.tenantId, parameters.jobId, parameters.ifNoneMatch],
  answers: {
    200: {
      description: 'The input.',
      content: { 'application/json': { schema: { type: 'object' } } },
      headers: ['ETag', 'Content-Disposition'],
    },
    304: { description: 'The caller has it already.', headers: ['ETag'] },
  },
  problems: ['unknown_job', 'input_gone', 'history_out_of_reach', 'invalid_input'],
  handle:
    ({ jobs }: JobsGroup) =>
    async (c, { tenantId }) => {
      const { jobId } = readJobQuery({ jobId: c.req.param('job_id'), mayHaveExpired: true }, jobs.now());
      c.env.jobId = jobId;
      const job = { tenantId, jobId };
      const { input, input_ref: ref } = await readJobRequest(jobs, job);
      return ref ? answerStored(c, jobs, { ref, job, gone: 'input_gone' }) : answerInline(c, input);
    },
});
