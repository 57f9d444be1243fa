import type { JobSummary } from '@errand/contracts';
import { isEnded, type JobState, summarize } from '@errand/domain';
import type { ActionCatalogue } from './action-catalogue.ts';
import { fillResource } from './action-path.ts';
import { answer, answerEmpty } from './answer.ts';
import type { Ctx } from './middleware/exchange.ts';
import { Refusal } from './problem.ts';

/** The answer to a status call: the summary, or 304 if the caller has this version already. */
export function answerJob(
  c: Ctx,
  state: JobState,
  deps: { catalogue: ActionCatalogue; now: () => number },
): Response {
  const entry = deps.catalogue.peek(state.action);
  const summary = summarize(state, {
    maxAttempts: entry?.contract.max_attempts ?? null,
    linksOf: () => {
      const job = `/v2/tenants/${state.tenantId}/jobs/${state.jobId}`;
      const resource = entry && fillResource(entry.template, state.request.value?.data.resource ?? {});
      const action = `/v2/tenants/${state.tenantId}${resource}/${state.action}`;
      return { job, status: resource === undefined ? job : `${action}/status?job_id=${state.jobId}` };
    },
  });
  if (!summary) throw new Refusal('unknown_job');
  const headers = headersOf(summary, deps.now());
  return isKnown(c.req.raw.headers.get('if-none-match'), headers.etag)
    ? answerEmpty(c, 304, headers)
    : answer(c, { status: 200, body: summary, headers });
}

function headersOf(summary: JobSummary, nowMs: number) {
  const ageMs = nowMs - Date.parse(summary.created_at);
  return {
    etag: `W/"${summary.version}"`,
    'cache-control': 'private, no-cache',
    ...(isEnded(summary.status) ? {} : { 'retry-after': String(pollAfterS(ageMs)) }),
  };
}

/** In seconds. Most jobs are short; who has waited for minutes can wait for seconds. */
function pollAfterS(ageMs: number): number {
  if (ageMs < 60_000) return 1;
  return ageMs < 300_000 ? 2 : 5;
}

/** RFC 9110, 13.1.2: any tag of the list, compared weakly, or a star. */
function isKnown(ifNoneMatch: string | null, etag: string): boolean {
  if (ifNoneMatch === null) return false;
  const opaque = etag.slice(2);
  return ifNoneMatch.split(',').some((tag) => {
    const sent = tag.trim();
    return sent === '*' || sent === etag || sent === opaque;
  });
}
