import type { JobSummary, QueuePlace } from '@errand/contracts';
import { isEnded, type JobState } from '@errand/domain';
import type { ActionCatalogue } from '../actions/action-catalogue.ts';
import { Refusal } from '../http/problem.ts';
import type { Ctx } from '../http/request-log.ts';
import { answer, answerEmpty, hasTag } from '../http/respond.ts';
import { currentSummaryOf } from './job-summary.ts';

interface JobAnswerDeps {
  readonly catalogue: ActionCatalogue;
  readonly now: () => number;
}

/** The answer to a status call: the summary, or 304 if the caller has this version already. */
export function answerJob(
  c: Ctx,
  state: JobState,
  deps: JobAnswerDeps & { queue?: QueuePlace | undefined },
): Response {
  return isKnownVersion(c.req.raw.headers.get('if-none-match'), state.version)
    ? answerEmpty(c, 304, headersOf(summarized(state, deps), deps.now()))
    : answerSummary(c, state, { ...deps, status: 200 });
}

/** The summary of a job that was asked for or changed. */
export function answerSummary(
  c: Ctx,
  state: JobState,
  options: JobAnswerDeps & {
    status: 200 | 202;
    headers?: Record<string, string>;
    queue?: QueuePlace | undefined;
  },
): Response {
  const { queue } = options;
  const summary = summarized(state, options);
  const headers = { ...headersOf(summary, options.now()), ...options.headers };
  return answer(c, { status: options.status, body: { ...summary, ...(queue && { queue }) }, headers });
}

/** Whether the tags that a caller sent name the version. */
export function isKnownVersion(ifNoneMatch: string | null, version: number): boolean {
  return hasTag(ifNoneMatch, etagOf(version));
}

function summarized(state: JobState, { catalogue }: JobAnswerDeps): JobSummary {
  const summary = currentSummaryOf(state, catalogue);
  if (!summary) throw new Refusal('unknown_job');
  return summary;
}

function etagOf(version: number): string {
  return `W/"${version}"`;
}

function headersOf(summary: JobSummary, nowMs: number) {
  const ageMs = nowMs - Date.parse(summary.created_at);
  return {
    etag: etagOf(summary.version),
    'cache-control': 'private, no-cache',
    ...(isEnded(summary.status) ? {} : { 'retry-after': String(pollAfterS(ageMs)) }),
  };
}

/** In seconds. Most jobs are short; who has waited for minutes can wait for seconds. */
export function pollAfterS(ageMs: number): number {
  if (ageMs < 60_000) return 1;
  return ageMs < 300_000 ? 2 : 5;
}
