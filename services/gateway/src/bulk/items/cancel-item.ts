import { ANY_PLACE } from '../../actions/find-action.ts';
import { Refusal } from '../../http/problem.ts';
import { findJob } from '../../jobs/find-job.ts';
import { requestCancel } from '../../jobs/request-cancel.ts';
import { DONE, type HandleItem } from './item.ts';

/** A job that is asked twice is asked once: the log refuses a second cancellation. */
export const cancelItem: HandleItem = async ({ jobs }, { action, jobId, mayBeDone }) => {
  const { tenant_id: tenantId, created_by: by } = action;
  try {
    await requestCancel(jobs, { tenantId, jobId, place: ANY_PLACE, by });
    return DONE;
  } catch (error) {
    if (!(error instanceof Refusal && error.code === 'already_ended')) throw error;
  }
  const { status } = (await findJob(jobs, { tenantId, jobId, action: undefined, minVersion: 0 })).phase.value;
  return mayBeDone && status === 'canceled' ? DONE : { kind: 'skipped', reason: 'already_ended' };
};
