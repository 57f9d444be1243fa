import type { JobState } from '@errand/domain';
import { parseActionPath, rawPathOf } from '../actions/action-path.ts';
import { type FindJobDeps, findJob } from '../jobs/find-job.ts';
import { readJobQuery } from '../jobs/job-query.ts';
import type { TenantHandler } from './authenticate.ts';
import { Refusal } from './problem.ts';

/** Which of its tenant's actions and jobs a key is for; what is undefined does not limit it. */
export interface KeyLimits {
  readonly actions?: readonly string[] | undefined;
  /** Entries of its jobs' metadata. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  readonly jobId?: string | undefined;
}

export function isLimited({ actions, metadata, jobId }: KeyLimits): boolean {
  return actions !== undefined || metadata !== undefined || jobId !== undefined;
}

/** What a route is about, for a key with limits. */
type About =
  /** The action in its path, and the job in its query. */
  | 'action'
  /** The job in its path. */
  | 'job'
  /** Nothing of any action's jobs, or what it keeps to the limits itself. */
  | 'nothing'
  /** Jobs of all actions, or what is told of them. */
  | 'all';

/**
 * Keeps keys that are for some actions and jobs to these: what others there are they are told as if they were not there.
 */
export function createKeyLimits(deps: FindJobDeps): (about: About, handler: TenantHandler) => TenantHandler {
  async function assertOwnJob(sent: string | undefined, tenantId: string, only: KeyLimits): Promise<void> {
    const { jobId } = readJobQuery({ jobId: sent, mayHaveExpired: true }, deps.now());
    if (only.jobId !== undefined && only.jobId !== jobId) throw new Refusal('unknown_job');
    if (!only.actions && !only.metadata) return;
    const state = await findJob(deps, { tenantId, jobId, action: undefined, minVersion: 0 });
    if (!isWithin(state, only)) throw new Refusal('unknown_job');
  }

  return (about, handler) => {
    if (about === 'nothing') return handler;
    return async (c, caller) => {
      const { only, tenantId } = caller;
      const { actions, jobId } = only;
      if (!isLimited(only)) return handler(c, caller);
      if (about === 'all') throw new Refusal('forbidden', { detail: 'The key is for some jobs only.' });
      if (about === 'job') await assertOwnJob(c.req.param('job_id'), tenantId, only);
      else {
        const action = parseActionPath(rawPathOf(c.req.url))?.action;
        if (actions && (action === undefined || !actions.includes(action)))
          throw new Refusal('unknown_action');
        const asked = c.req.query('job_id');
        if (asked !== undefined) await assertOwnJob(asked, tenantId, only);
        else if (jobId !== undefined) throw new Refusal('forbidden', { detail: 'The token is for one job.' });
      }
      return handler(c, caller);
    };
  };
}

/** Whether a job is one of those that a key is for. */
export function isWithin({ jobId, action, request }: JobState, only: KeyLimits): boolean {
  if (only.jobId !== undefined && only.jobId !== jobId) return false;
  if (only.actions && !only.actions.includes(action)) return false;
  const metadata = request.value?.data.metadata;
  return Object.entries(only.metadata ?? {}).every(([name, value]) => metadata?.[name] === value);
}
