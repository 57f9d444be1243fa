import { randomUUIDv7 } from 'node:crypto';
import { LogUnavailable } from '@errand/bus';
import { toJobEvent } from '@errand/contracts';
import { decide, evolve, foldJob, isEnded, type JobState, operationOf } from '@errand/domain';
import { z } from 'zod';
import { ANY_PLACE, assertAt, findPlace, type JobPlace } from '../actions/find-action.ts';
import type { Caller } from '../http/authenticate.ts';
import { parseBody, printable } from '../http/body-errors.ts';
import { defineActionRoute, defineRoute } from '../http/define-route.ts';
import { Refusal } from '../http/problem.ts';
import { type HttpGroup, readOptionalJsonObject } from '../http/read-body.ts';
import { refuseUnknownParameters } from '../http/read-query.ts';
import type { Ctx } from '../http/request-log.ts';
import { CANCEL_PROBLEMS, cancelAnswers } from '../openapi/job-answers.ts';
import { jsonBody } from '../openapi/operation.ts';
import * as parameters from '../openapi/parameters.ts';
import { named, refTo } from '../openapi/schemas.ts';
import { findJob } from './find-job.ts';
import { answerSummary } from './job-answer.ts';
import { readJobQuery } from './job-query.ts';
import type { JobsGroup } from './jobs-group.ts';

const CancelBody = named(
  'CancelRequest',
  z.strictObject({ reason: printable(z.string().max(500)).optional() }),
);

interface Cancellation {
  readonly jobId: string;
  readonly caller: Caller;
  readonly place: JobPlace;
}

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
  cancellation: Cancellation,
): Promise<Response> {
  const { catalogue, now, appendTimeoutMs } = jobs;
  c.env.jobId = cancellation.jobId;
  const { reason } = parseBody(CancelBody, (await readOptionalJsonObject(c, http)).body);
  const giveUpAt = performance.now() + appendTimeoutMs;
  while (performance.now() < giveUpAt) {
    const done = await tryCancel(jobs, cancellation, reason);
    if (done) return answerSummary(c, done.state, { catalogue, now, status: done.status });
  }
  throw new LogUnavailable('the job changed each time before it could be canceled');
}

/** Undefined when another event came first. */
async function tryCancel(
  jobs: JobsGroup['jobs'],
  cancellation: Cancellation,
  reason: string | undefined,
): Promise<{ state: JobState; status: 200 | 202 } | undefined> {
  const { jobId, caller } = cancellation;
  const { state, hasOperation } = await readJob(jobs, cancellation);
  const command = {
    type: 'cancelJob',
    by: caller.name,
    hasOperation,
    ...(reason === undefined ? {} : { reason }),
  } as const;
  const decision = decide(command, state);
  if (decision.kind === 'rejected') {
    if (decision.reason === 'cancel_already_requested') return { state, status: 202 };
    throw new Refusal('already_ended', { detail: `The job has ended: ${state.phase.value.status}.` });
  }
  const event = toJobEvent(decision.fact, {
    id: randomUUIDv7(),
    jobId,
    source: '/errand/gateway',
    timeMs: jobs.now(),
  });
  const ref = { tenantId: state.tenantId, action: state.action, jobId };
  const append = { ref, event, expectedVersion: state.version, deadlineMs: jobs.appendTimeoutMs };
  const outcome = await jobs.bus.jobs.append(append);
  if (outcome.kind === 'conflict') return undefined;
  const changed = evolve(state, { ref, version: outcome.version, event });
  return { state: changed, status: isEnded(changed.phase.value.status) ? 200 : 202 };
}

/** The job as the log has it. One that the log has forgotten can only have ended, or be unknown. */
async function readJob(
  jobs: JobsGroup['jobs'],
  cancellation: Cancellation,
): Promise<{ state: JobState; hasOperation: boolean }> {
  const { jobId, caller, place } = cancellation;
  const { tenantId } = caller;
  const { action } = place;
  const events = await jobs.bus.jobs.read({ tenantId, jobId, ...(action === undefined ? {} : { action }) });
  const logged = foldJob(events);
  if (logged?.request.value) {
    assertAt(place, logged);
    return { state: logged, hasOperation: operationOf(events) !== undefined };
  }
  const found = await findJob(jobs, { tenantId, jobId, action, minVersion: 0 });
  assertAt(place, found);
  const { status } = found.phase.value;
  throw new Refusal('already_ended', { detail: `The job is ${status} and no longer in the log.` });
}
