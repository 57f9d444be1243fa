import { findPlace } from '../actions/find-action.ts';
import { defineActionRoute } from '../http/define-route.ts';
import { refuseUnknownParameters } from '../http/read-query.ts';
import { summaryAnswer, summaryHeaders } from '../openapi/job-answers.ts';
import * as parameters from '../openapi/parameters.ts';
import { refTo } from '../openapi/schemas.ts';
import { readJobQuery } from './job-query.ts';
import type { JobsGroup } from './jobs-group.ts';
import { lookUpJob } from './look-up-job.ts';

/** The summary of a job of this very action and resource. */
export const getStatus = defineActionRoute({
  method: 'get',
  verb: 'status',
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
    problems: ['unknown_action', 'unknown_job', 'job_expired', 'invalid_input', 'history_out_of_reach'],
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
