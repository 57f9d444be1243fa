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
    linksOf: () => {
      const resource = entry && fillResource(entry.template, state.request.value?.data.resource ?? {});
      const tenant = `/v2/tenants/${state.tenantId}`;
      return jobLinks(state, resource === undefined ? undefined : `${tenant}${resource}/${state.action}`);
    },
  });
}
