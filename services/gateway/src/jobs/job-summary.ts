import type { JobFault, JobSummary } from '@errand/contracts';
import { type JobState, summarize } from '@errand/domain';
import type { ActionCatalogue } from '../actions/action-catalogue.ts';
import { fillResource } from '../actions/action-path.ts';
import { jobLinks } from '../runs/run-answers.ts';

/** A job as this gateway's callers see it, or undefined while its JobRequested is not known. */
export function summaryOf(state: JobState, catalogue: ActionCatalogue): JobSummary | undefined {
  const entry = catalogue.peek(state.action);
  return summarize(state, {
    maxAttempts: entry?.contract.max_attempts ?? null,
    linksOf: () => linksOf({ ...state, resource: state.request.value?.data.resource ?? {} }, catalogue),
  });
}

/** The same as it is now: a job that waits for executors which are not there says so among its errors. */
export function currentSummaryOf(state: JobState, catalogue: ActionCatalogue): JobSummary | undefined {
  const summary = summaryOf(state, catalogue);
  if (summary?.status !== 'queued') return summary;
  const note = unservedNote(state, catalogue);
  return note ? { ...summary, errors: [...summary.errors, note] } : summary;
}

function unservedNote({ action, request }: JobState, catalogue: ActionCatalogue): JobFault | undefined {
  const contractId = request.value?.data.contract_id ?? catalogue.peek(action)?.contract.contract_id;
  const live = catalogue.contractOf(action, contractId);
  if (live?.unserved_since === null) return undefined;
  const since = live && { unserved_since: live.unserved_since };
  return {
    code: 'action_unserved',
    message: "No executor serves the action under the job's contract. The job runs if one appears in time.",
    details: [{ contract_id: contractId ?? null, ...since }],
  };
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
