import { createSteps } from '@errand/json-schema';
import { type AcceptJobDeps, acceptJob } from '../accept-job.ts';
import { answer } from '../answer.ts';
import { isDryRun } from '../dry-run.ts';
import { findAction } from '../find-action.ts';
import { checkRunBody, type OrderLimits } from '../job-order.ts';
import type { TenantHandler } from '../middleware/authenticate.ts';
import { busy } from '../middleware/exchange.ts';
import { type BodyLimits, readJsonObject } from '../middleware/read-json.ts';
import { Refusal } from '../problem.ts';
import { refuseUnknownParameters } from '../query-reader.ts';

/** POST …/{action}/run: 202 once the log has acknowledged the job's request, and not before. */
export function runAction(deps: AcceptJobDeps & BodyLimits & OrderLimits): TenantHandler {
  return async (c, caller) => {
    const { entry, path, resource } = await findAction(c, deps.catalogue);
    refuseUnknownParameters(c, ['validate_only']);
    const dryRun = isDryRun(c);
    const { body, text } = await readJsonObject(c, deps);
    const { maxLifeMs, defaultLifeMs, urlRules } = deps;
    const nowMs = deps.now();
    const steps = createSteps();
    const context = { entry, resource, nowMs, maxLifeMs, defaultLifeMs, urlRules, steps };
    const checked = busy(c, () => checkRunBody(body, text.length, context));
    if (checked.kind === 'invalid') throw new Refusal('invalid_input', { errors: checked.errors });
    if (dryRun) return answer(c, { status: 200, body: { valid: true } });
    const { order } = checked;
    return acceptJob(c, deps, { order, caller, kind: 'run', text, nowMs, actionPath: path.prefix });
  };
}
