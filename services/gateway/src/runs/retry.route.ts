import { text } from 'node:stream/consumers';
import { PayloadBroken } from '@errand/bus';
import { type ConcurrencyKey, type JobEventOf, type PayloadRef, uuidV7TimeMs } from '@errand/contracts';
import { isEnded } from '@errand/domain';
import { createSteps } from '@errand/json-schema';
import { z } from 'zod';
import { fillResource } from '../actions/action-path.ts';
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
import { concurrencyOf } from './concurrency-keys.ts';
import { answerOrReplay } from './idempotency.ts';
import { type JobLife, jobTimesOf, SentMetadata } from './job-options.ts';
import { findAccepted } from './run-answers.ts';
import { checkInput, type JobOrder, ownMetadata } from './run-options.ts';
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
  const { body, text: sentText } = await readBody();
  const changes = parseBody(RetryBody, body);
  const { tenantId } = caller;
  const request = await readEnded(deps, { tenantId, jobId });
  c.env.action = request.action;
  const entry = await deps.runs.catalogue.find(request.action);
  const resource = entry && fillResource(entry.template, request.resource);
  if (!entry || resource === undefined) throw new Refusal('unknown_action');
  const times = timesOf(deps.runs, nowMs);
  const { input, json, inputRef } =
    changes.input === undefined
      ? await readInput(deps.runs, request, times)
      : { input: changes.input, json: JSON.stringify(changes.input) };
  const { metadata, errors } = ownMetadata(changes.metadata ?? request.metadata, caller.only, '/metadata');
  const wrong = checkInput(input, json.length, { entry, steps: createSteps() });
  const place = changes.input === undefined ? '' : '/input';
  errors.push(...wrong.map((error) => ({ ...error, pointer: `#${place}${error.pointer?.slice(1) ?? ''}` })));
  if (errors.length > 0) throw new Refusal('invalid_input', { errors });
  const order: JobOrder = {
    contract: entry.contract,
    resource: request.resource,
    input,
    times,
    metadata,
    ...(inputRef ? { inputRef } : {}),
    source: 'retry',
    retryOf: jobId,
    webhook: request.webhook,
    priority: request.priority,
    // Another input may be of another account.
    concurrency: concurrencyOf(
      entry.contract,
      input,
      changes.input === undefined ? valuesOf(request.concurrency) : undefined,
    ),
  };
  return acceptJob(c, deps, {
    order,
    caller,
    kind: 'retry',
    text: sentText,
    inputBytes: Buffer.byteLength(json),
    nowMs,
    actionPath: `/v2/tenants/${tenantId}${resource}/${request.action}`,
  });
}

/** @throws Refusal not_ended, and what `readJobRequest` throws */
async function readEnded({ jobs }: RunDeps, job: { tenantId: string; jobId: string }) {
  const { status } = (await findJob(jobs, { ...job, action: undefined, minVersion: 0 })).phase.value;
  if (!isEnded(status)) throw new Refusal('not_ended', { detail: `The job is ${status}.` });
  return readJobRequest(jobs, job);
}

/** The values that the ended job had, by the names of their keys. */
function valuesOf(keys: readonly ConcurrencyKey[] = []): Record<string, string> {
  return Object.fromEntries(keys.map(({ name, value }) => [name, value]));
}

function timesOf({ maxLifeMs, defaultLifeMs }: JobLife, nowMs: number): JobOrder['times'] {
  const timed = jobTimesOf({}, { nowMs, maxLifeMs, defaultLifeMs });
  if (timed.kind === 'invalid') throw new Error('the default life of a job is not inside the longest one');
  return timed.times;
}

/**
 * The input, and where it may stay: a stored one that outlives the new job is shared by both, any other is stored anew.
 * @throws Refusal input_gone; LogUnavailable
 */
async function readInput(
  { bus, payloadLifeMs }: RunDeps['runs'],
  { input, input_ref: ref }: JobEventOf<'JobRequested'>['data'],
  times: JobOrder['times'],
): Promise<{ input: unknown; json: string; inputRef?: PayloadRef }> {
  if (!ref) return { input, json: JSON.stringify(input) };
  try {
    const opened = await bus.payloads.open(ref);
    if (opened.kind === 'gone') throw new Refusal('input_gone');
    const json = await text(opened.body);
    const goneAtMs = uuidV7TimeMs(ref.key.slice(ref.key.lastIndexOf('/') + 1)) + payloadLifeMs;
    const isShared = goneAtMs > Date.parse(times.finish_by);
    return { input: JSON.parse(json), json, ...(isShared ? { inputRef: ref } : {}) };
  } catch (error) {
    throw error instanceof PayloadBroken ? new Refusal('input_gone') : error;
  }
}
