import type { JobEventOf } from '@errand/contracts';
import { foldJob, isEnded } from '@errand/domain';
import { z } from 'zod';
import { type AcceptJobDeps, acceptJob } from '../accept-job.ts';
import { fillResource } from '../action-path.ts';
import { parseBody } from '../body-errors.ts';
import { findJob } from '../find-job.ts';
import { checkInput, type JobOrder } from '../job-order.ts';
import { readJobQuery } from '../job-query.ts';
import { type JobLife, jobTimesOf } from '../job-times.ts';
import type { TenantHandler } from '../middleware/authenticate.ts';
import { type BodyLimits, readOptionalJsonObject } from '../middleware/read-json.ts';
import { Refusal } from '../problem.ts';

type Deps = AcceptJobDeps & BodyLimits & JobLife;

const Body = z.strictObject({});

/**
 * POST …/jobs/{job_id}/retry: a new job that is asked for what an ended one was, under the action's contract of today.
 * Its deadlines are those of a request that names none.
 */
export function retryJob(deps: Deps): TenantHandler {
  return async (c, caller) => {
    const nowMs = deps.now();
    const { jobId } = readJobQuery({ jobId: c.req.param('job_id') }, nowMs);
    const { body, text } = await readOptionalJsonObject(c, deps);
    parseBody(Body, body);
    const { tenantId } = caller;
    const request = await readRequest(deps, { tenantId, jobId });
    c.env.action = request.action;
    const entry = await deps.catalogue.find(request.action);
    const resource = entry && fillResource(entry.template, request.resource);
    if (!entry || resource === undefined) throw new Refusal('unknown_action');
    const errors = checkInput(entry, request.input, JSON.stringify(request.input).length);
    if (errors.length > 0) throw new Refusal('invalid_input', { errors });
    const order: JobOrder = {
      contract: entry.contract,
      resource: request.resource,
      input: request.input,
      metadata: request.metadata,
      times: timesOf(deps, nowMs),
      source: 'retry',
      retryOf: jobId,
      webhook: request.webhook,
    };
    const actionPath = `/v2/tenants/${tenantId}${resource}/${request.action}`;
    return acceptJob(c, deps, { order, caller, kind: 'retry', text, nowMs, actionPath });
  };
}

/** What an ended job was asked for. Its input is in the log only, which forgets sooner than the summary does. */
async function readRequest(
  deps: Deps,
  job: { tenantId: string; jobId: string },
): Promise<JobEventOf<'JobRequested'>['data']> {
  const events = await deps.bus.readJob(job);
  const requested = events.map(({ event }) => event).find(({ type }) => type === 'JobRequested');
  const state = foldJob(events);
  if (state && requested?.type === 'JobRequested') {
    const { status } = state.phase.value;
    if (!isEnded(status)) throw new Refusal('not_ended', { detail: `The job is ${status}.` });
    if (requested.data.input !== undefined) return requested.data;
  } else {
    await findJob(deps, { ...job, action: undefined, minVersion: 0 });
  }
  throw new Refusal('input_gone');
}

function timesOf(deps: Deps, nowMs: number): JobOrder['times'] {
  const { maxLifeMs, defaultLifeMs } = deps;
  const timed = jobTimesOf({}, { nowMs, maxLifeMs, defaultLifeMs });
  if (timed.kind === 'invalid') throw new Error('the default life of a job is not inside the longest one');
  return timed.times;
}
