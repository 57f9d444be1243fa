import { createSteps } from '@errand/json-schema';
import { parseActionPath, rawPathOf } from '../actions/action-path.ts';
import { findAction } from '../actions/find-action.ts';
import type { Caller } from '../http/authenticate.ts';
import { defineActionRoute } from '../http/define-route.ts';
import { Refusal } from '../http/problem.ts';
import { type JsonBody, readJsonObject } from '../http/read-body.ts';
import { isDryRun, refuseUnknownParameters } from '../http/read-query.ts';
import { busy, type Ctx } from '../http/request-log.ts';
import { answer } from '../http/respond.ts';
import { accepted, RUN_PROBLEMS, summaryAnswer } from '../openapi/job-answers.ts';
import * as parameters from '../openapi/parameters.ts';
import { refTo } from '../openapi/schemas.ts';
import { acceptJob, answerAccepted } from './accept-job.ts';
import { answerOrReplay } from './idempotency.ts';
import { findAccepted, jobLinks } from './run-answers.ts';
import { checkRunBody } from './run-options.ts';
import type { RunDeps } from './runs-group.ts';

/** 202 once the log has acknowledged the job's request, and not before. */
export const runAction = defineActionRoute({
  method: 'post',
  verb: 'run',
  scope: 'runs:write',
  describe: ({ name, about, place, schemas }) => ({
    id: `run${schemas.pascalName}`,
    summary: `Run ${name}`,
    description: `${about}\n\n202 means that the job is durable; with \`Prefer: wait=n\` the answer may be its summary.`,
    parameters: [
      ...place,
      parameters.validateOnly,
      parameters.idempotencyKey,
      parameters.prefer,
      parameters.traceparent,
    ],
    body: {
      schema: refTo(schemas.runId),
      required: true,
      ...(schemas.example === undefined ? {} : { example: schemas.example }),
    },
    answers: {
      200: summaryAnswer('The job ended in the time that the caller wanted to wait, or the input is valid.', {
        anyOf: [refTo(schemas.summaryId), refTo('DryRun')],
      }),
      202: accepted,
    },
    problems: RUN_PROBLEMS,
  }),
  handle: (deps: RunDeps) => async (c, caller) => {
    const path = parseActionPath(rawPathOf(c.req.url));
    if (!path) throw new Refusal('unknown_route');
    refuseUnknownParameters(c, ['validate_only']);
    const dryRun = isDryRun(c);
    const { tenantId } = caller;
    const readBody = () => readJsonObject(c, deps.runs.limits.bodyLimits(tenantId, deps.http));
    if (dryRun) return checkAndAccept(c, deps, { caller, dryRun, readBody });
    const { action } = path;
    return answerOrReplay(c, deps.runs.idempotency, {
      caller,
      kind: 'run',
      readBody,
      checkAndAccept: (read) => checkAndAccept(c, deps, { caller, dryRun, readBody: read }),
      find: (record) => findAccepted(deps.jobs, { tenantId, action, jobId: record.job_id }, record),
      answerFound(job) {
        const links = jobLinks({ tenantId, jobId: job.jobId }, path.prefix);
        return answerAccepted(c, deps, { job, tenantId, action, links, replayed: true });
      },
    });
  },
});

async function checkAndAccept(
  c: Ctx,
  deps: RunDeps,
  { caller, dryRun, readBody }: { caller: Caller; dryRun: boolean; readBody: () => Promise<JsonBody> },
): Promise<Response> {
  const { entry, path, resource } = await findAction(c, deps.runs.catalogue);
  const { body, text } = await readBody();
  const { maxLifeMs, defaultLifeMs, urlRules } = deps.runs;
  const nowMs = deps.runs.now();
  const steps = createSteps();
  const context = { entry, resource, nowMs, maxLifeMs, defaultLifeMs, urlRules, steps, only: caller.only };
  const checked = busy(c, () => checkRunBody(body, text.length, context));
  if (checked.kind === 'invalid') throw new Refusal('invalid_input', { errors: checked.errors });
  if (dryRun) return answer(c, { status: 200, body: { valid: true } });
  const { order } = checked;
  return acceptJob(c, deps, { order, caller, kind: 'run', text, nowMs, actionPath: path.prefix });
}
