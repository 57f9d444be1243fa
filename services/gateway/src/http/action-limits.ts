import { parseActionPath, rawPathOf } from '../actions/action-path.ts';
import { type FindJobDeps, findJob } from '../jobs/find-job.ts';
import { readJobQuery } from '../jobs/job-query.ts';
import type { TenantHandler } from './authenticate.ts';
import { Refusal } from './problem.ts';

/** What a route is about, for a key that is for some actions only. */
type About =
  /** The action in its path. */
  | 'action'
  /** The job in its path. */
  | 'job'
  /** Nothing of any action's jobs. */
  | 'nothing'
  /** Jobs of all actions, or what is told of them. */
  | 'all';

/**
 * Keeps keys that are for some actions to these: what others there are, and their jobs, they are told as if they were not
 * there.
 */
export function createActionLimits(
  deps: FindJobDeps,
): (about: About, handler: TenantHandler) => TenantHandler {
  return (about, handler) => {
    if (about === 'nothing') return handler;
    return async (c, caller) => {
      const { actions, tenantId } = caller;
      if (actions === undefined) return handler(c, caller);
      if (about === 'all') {
        throw new Refusal('forbidden', { detail: 'The key is for some actions only.' });
      }
      if (about === 'action') {
        const action = parseActionPath(rawPathOf(c.req.url))?.action;
        if (action === undefined || !actions.includes(action)) throw new Refusal('unknown_action');
        return handler(c, caller);
      }
      const { jobId } = readJobQuery({ jobId: c.req.param('job_id'), mayHaveExpired: true }, deps.now());
      const state = await findJob(deps, { tenantId, jobId, action: undefined, minVersion: 0 });
      if (!actions.includes(state.action)) throw new Refusal('unknown_job');
      return handler(c, caller);
    };
  };
}
