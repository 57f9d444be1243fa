import { isEnded } from '@errand/domain';
import { z } from 'zod';
import type { Caller } from '../http/authenticate.ts';
import { parseBody } from '../http/body-errors.ts';
import { defineRoute } from '../http/define-route.ts';
import { Refusal } from '../http/problem.ts';
import { type JsonBody, readOptionalJsonObject } from '../http/read-body.ts';
import type { Ctx } from '../http/request-log.ts';
import { findJob } from '../jobs/find-job.ts';
import { readJobQuery } from '../jobs/job-query.ts';
import { readJobRequest } from '../jobs/job-request.ts';
import { linksOf } from '../jobs/job-summary.ts';
import { accepted, summaryAnswer } from '../openapi/job-answers.ts';
import { jsonBody } from '../openapi/operation.ts';
import * as parameters from '../openapi/parameters.ts';
import { named, refTo } from '../openapi/schemas.ts';
import { acceptJob, answerAccepted } from './accept-job.ts';
import { answerOrReplay } from './idempotency.ts';
import { SentMetadata } from './job-options.ts';
import { orderAgain } from './order-again.ts';
import { findAccepted } from './run-answers.ts';
import type { RunDeps } from './runs-group.ts';

const RetryBody = named(
  'RetryRequest',
  z.strictObject({
    input: z.record(z.string(), z.unknown()).optional().meta({ description: 'Instead of its input.' }),
    metadata: SentMetadata.optional().meta({ description: 'Instead of its metadata.' }),
  }),
);

/**
 * A new job with the request of an ended one, or with another input or metadata, under the action's contract of today.
 * Its deadlines are those of a request that names none.
 */
export const retryJob = defineRoute({
  method: 'post',
  path: '/v2/tenants/{tenant_id}/jobs/{job_id}/retry',
  key: 'tenant',
  scope: 'runs:write',
  query: 'none',
  id: 'retryJob',
  tag: 'Jobs',
  summary: 'Run an ended job again',
  description:
    'A job of its own, with `retry_of`, that is asked for what the ended one was; `input` and `metadata` replace what it had.',
  parameters: [
    parameters.tenantId,
    parameters.jobId,
    parameters.idempotencyKey,
    parameters.prefer,
    parameters.traceparent,
  ],
  body: jsonBody(RetryBody, { required: false }),
  answers: {
    200: summaryAnswer('The job ended in the time that the caller wanted to wait.', refTo('JobSummary')),
    202: accepted,
  },
  problems: [
    'unknown_job',
    'unknown_action',
    'job_expired',
    'not_ended',
    'input_gone',
    'bad_contract',
    'too_many_runs',
    'too_many_queued',
    'too_many_log_bytes',
    'too_many_payload_bytes',
    'log_nearly_full',
    'payloads_full',
    'history_out_of_reach',
    'idempotency_in_flight',
    'idempotency_key_reused',
  ],
  handle: (deps: RunDeps) => async (c, caller) => {
    const nowMs = deps.runs.now();
    const { jobId } = readJobQuery({ jobId: c.req.param('job_id') }, nowMs);
    const { tenantId } = caller;
    return answerOrReplay(c, deps.runs.idempotency, {
      caller,
      kind: 'retry',
      readBody: () => readOptionalJsonObject(c, deps.runs.limits.bodyLimits(tenantId, deps.http)),
      checkAndAccept: (readBody) => checkAndAccept(c, deps, { caller, jobId, nowMs, readBody }),
      find: (record) =>
        findAccepted(deps.jobs, { tenantId, action: undefined, jobId: record.job_id }, record),
      answerFound(job) {
        const links = linksOf({ ...job, tenantId }, deps.runs.catalogue);
        return answerAccepted(c, deps, { job, tenantId, action: job.action, links, replayed: true });
      },
    });
  },
});

async function checkAndAccept(
  c: Ctx,
  deps: RunDeps,
  sent: { caller: Caller; jobId: string; nowMs: number; readBody: () => Promise<JsonBody> },
): Promise<Response> {
  const { caller, jobId, nowMs, readBody } = sent;
  const { body, text } = await readBody();
  const changes = parseBody(RetryBody, body);
  const { tenantId, only } = caller;
  const request = await readEnded(deps, { tenantId, jobId });
  c.env.action = request.action;
  const again = await orderAgain(deps, { tenantId, jobId, request, changes, only, nowMs });
  return acceptJob(c, deps, { ...again, caller, kind: 'retry', text, nowMs });
}

/** @throws Refusal not_ended, and what `readJobRequest` throws */
async function readEnded({ jobs }: RunDeps, job: { tenantId: string; jobId: string }) {
  const { status } = (await findJob(jobs, { ...job, action: undefined, minVersion: 0 })).phase.value;
  if (!isEnded(status)) throw new Refusal('not_ended', { detail: `The job is ${status}.` });
  return readJobRequest(jobs, job);
}
