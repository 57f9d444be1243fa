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

/** The same as it is now: a job that waits for an action which nobody announces any more says so among its errors. */
export function currentSummaryOf(state: JobState, catalogue: ActionCatalogue): JobSummary | undefined {
  const summary = summaryOf(state, catalogue);
  if (summary?.status !== 'queued' || catalogue.peek(state.action)) return summary;
  return { ...summary, errors: [...summary.errors, NOBODY_SERVES] };
}

const NOBODY_SERVES = {
  code: 'action_withdrawn',
  message: 'No executor announces the action any more. The job is run if one does so in time.',
};

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
