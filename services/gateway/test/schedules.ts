import type { JobEventOf } from '@errand/contracts';
import { TENANT, type TestGateway } from './gateway.ts';

/* Test-only: schedules, and the jobs that they ask for. */

export const SCHEDULES = `/v2/tenants/${TENANT}/schedules`;

/** What a run of SIMULATE needs. */
export const ASKED = { action: 'simulate', resource: { design_id: 'd-1' }, input: { tilt_deg: 1 } };

type Scheduled = JobEventOf<'JobRequested'>['data'] & { readonly job_id: string };

/** The requests that the log has of a schedule's jobs, in its order. */
export async function requestsOf({ bus }: TestGateway, scheduleId: string): Promise<Scheduled[]> {
  const found: Scheduled[] = [];
  for await (const { decoded } of bus.jobs.readAll({ afterVersion: 0, pageSize: 500 })) {
    for (const each of decoded) {
      if (each.kind !== 'event' || each.recorded.event.type !== 'JobRequested') continue;
      const { data } = each.recorded.event;
      if (data.schedule?.schedule_id === scheduleId) found.push({ ...data, job_id: each.recorded.ref.jobId });
    }
  }
  return found;
}
