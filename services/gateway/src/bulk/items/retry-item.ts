import { uuidV7Floor } from '@errand/contracts';
import { isEnded } from '@errand/domain';
import { findJob } from '../../jobs/find-job.ts';
import { readJobRequest } from '../../jobs/job-request.ts';
import { derivedJobId } from '../../runs/derived-id.ts';
import { orderAgain } from '../../runs/order-again.ts';
import { requestOrder } from '../../runs/request-order.ts';
import { findAccepted } from '../../runs/run-answers.ts';
import { type BulkItem, DONE, type HandleItem } from './item.ts';

/**
 * The id of the new job. It follows from the bulk action, the job and the time of the page, so whoever does the page again
 * comes upon the very same one.
 */
export function retryJobId({ action, jobId, atMs }: Pick<BulkItem, 'action' | 'jobId' | 'atMs'>): string {
  return derivedJobId(uuidV7Floor(atMs), `${action.bulk_id} ${jobId}`);
}

/**
 * Asks again for a job that ended without success. A new job that may be there already is looked for first: once it has left
 * the log, a guard of 0 would pass again.
 */
export const retryItem: HandleItem = async (deps, item) => {
  const { action, jobId, mayBeDone } = item;
  const { tenant_id: tenantId, created_by: name, actor, only } = action;
  const newId = retryJobId(item);
  const isThere =
    mayBeDone && (await findAccepted(deps.jobs, { tenantId, action: undefined, jobId: newId }, action));
  if (isThere) return DONE;
  const { status } = (await findJob(deps.jobs, { tenantId, jobId, action: undefined, minVersion: 0 })).phase
    .value;
  if (!isEnded(status)) return { kind: 'skipped', reason: 'not_ended' };
  if (status === 'succeeded') return { kind: 'skipped', reason: 'succeeded' };
  const request = await readJobRequest(deps.jobs, { tenantId, jobId });
  const nowMs = deps.runs.now();
  const { order, inputBytes } = await orderAgain(deps, {
    tenantId,
    jobId,
    request,
    changes: {},
    only,
    nowMs,
  });
  const caller = { name, tenantId, actor };
  const ordered = { order, jobId: newId, caller, bytes: inputBytes, nowMs, traceparent: undefined };
  // A conflict says that it is there.
  await requestOrder({ env: {} }, deps, ordered);
  return DONE;
};
