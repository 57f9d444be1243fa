import type { JobSummary } from '@errand/contracts';
import { type JobState, summarize } from '@errand/domain';
import type { ActionCatalogue } from './action-catalogue.ts';
import { fillResource } from './action-path.ts';
import { jobLinks } from './job-links.ts';

/** A job as this gateway's callers see it, or undefined while its JobRequested is not known. */
export function summaryOf(state: JobState, catalogue: ActionCatalogue): JobSummary | undefined {
  const entry = catalogue.peek(state.action);
  return summarize(state, {
    maxAttempts: entry?.contract.max_attempts ?? null,
    linksOf: () => linksOf({ ...state, resource: state.request.value?.data.resource ?? {} }, catalogue),
  });
}

/** Where a job is asked about, as far as its action is known here. */
export function linksOf(
  job: { tenantId: string; jobId: string; action: string; resource: Record<string, string> },
  catalogue: ActionCatalogue,
): JobSummary['links'] {
  const entry = catalogue.peek(job.action);
  const resource = entry && fillResource(entry.template, job.resource);
  const path = resource === undefined ? undefined : `/v2/tenants/${job.tenantId}${resource}/${job.action}`;
  return jobLinks(job, path);
}
