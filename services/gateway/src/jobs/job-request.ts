import type { JobEventOf } from '@errand/contracts';
import { requestIn } from '@errand/domain';
import { Refusal } from '../http/problem.ts';
import { type JobHistoryDeps, readHistoryPage } from './history/history.ts';

/**
 * What a job was asked for. Its input is in the log only.
 * @throws Refusal unknown_job, input_gone; HistoryOutOfReach; LogUnavailable
 */
export async function readJobRequest(
  deps: JobHistoryDeps,
  job: { tenantId: string; jobId: string },
): Promise<JobEventOf<'JobRequested'>['data']> {
  const { events } = await readHistoryPage(deps, job, { after: 0, limit: 1 }).catch((error) => {
    throw error instanceof Refusal && error.code === 'events_gone' ? new Refusal('input_gone') : error;
  });
  const request = requestIn(events)?.event.data;
  if (request?.input === undefined && !request?.input_ref) throw new Refusal('input_gone');
  return request;
}
