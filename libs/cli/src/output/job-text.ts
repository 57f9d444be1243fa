import { isEnded, type JobFault, type JobSummary } from '@errand/client';
import { briefly, facts, pairs, shellWord } from './text.ts';
import { durationOf, whenIs } from './times.ts';

const MOST_PLACES = 5;

/** A job for people, one line for each known fact. */
export function jobText(job: JobSummary, nowMs: number): string {
  const { progress, attempt } = job;
  return facts({
    job: job.job_id,
    action: `${job.action} ${pairs(job.resource)}`,
    status: `${job.status}${job.cancel_requested && !isEnded(job) ? ', cancel requested' : ''}`,
    progress: progress && `${progress.percent} % ${progress.message ?? ''}`,
    attempt: attempt.number > 0 ? `${attempt.number}${attempt.max ? ` of ${attempt.max}` : ''}` : undefined,
    'next attempt': nextText(attempt, nowMs),
    'waits for': callText(attempt, nowMs) ?? queueText(job.queue),
    created: whenIs(job.created_at, nowMs),
    started: whenIs(job.started_at, nowMs),
    finished: whenIs(job.finished_at, nowMs),
    took: tookOf(job),
    'last attempt': attempt.number > 1 ? spanBetween(job.started_at, job.finished_at) : undefined,
    errors: job.errors.map(faultText).join('; '),
    result: resultOf(job),
    metadata: pairs(job.metadata),
    'retry of': job.retry_of,
  });
}

const WAITS_FOR = {
  time: undefined,
  turn: 'its turn',
  limit: "its tenant's limit",
  key: 'a job with the same concurrency key',
  pause: 'its tenant, which is paused',
  executor: 'an executor',
} as const;

/** Undefined where that was to be and is past: the job waits for something else now. */
function nextText(
  { waits_for: what, next_at: next }: JobSummary['attempt'],
  nowMs: number,
): string | undefined {
  const isAhead = next !== null && Date.parse(next) > nowMs;
  return what === undefined && isAhead ? whenIs(next, nowMs) : undefined;
}

function callText(
  { waits_for: what, next_at: until }: JobSummary['attempt'],
  nowMs: number,
): string | undefined {
  if (what === undefined) return undefined;
  return `${what === 'callback' ? 'a call from outside' : what}, at the latest ${whenIs(until, nowMs)}`;
}

function queueText(queue: JobSummary['queue']): string | undefined {
  const what = queue && WAITS_FOR[queue.waits_for];
  if (what === undefined) return undefined;
  return queue?.jobs_before == null ? what : `${what}, ${queue.jobs_before} jobs before it`;
}

/** Says where in the input or the result something is wrong, and by which rule. */
function faultText({ code, message, details = [] }: JobFault): string {
  const places = (details as { pointer?: unknown; code?: unknown }[])
    .filter((detail) => typeof detail?.pointer === 'string')
    .slice(0, MOST_PLACES)
    .map((detail) => `${detail.pointer} ${detail.code ?? ''}`.trimEnd());
  return `${code}: ${message}${places.length > 0 ? ` (${places.join(', ')})` : ''}`;
}

/** The time from the request to the end, over all attempts; empty before that. */
export function tookOf({ created_at: created, finished_at: finished }: JobSummary): string {
  return spanBetween(created, finished);
}

function spanBetween(begin: string | null, end: string | null): string {
  return begin && end ? durationOf(Date.parse(end) - Date.parse(begin)) : '';
}

function resultOf(job: JobSummary): string | undefined {
  if (job.status !== 'succeeded') return undefined;
  const { results, results_link: link } = job;
  if (!link) return briefly(results);
  const out = shellWord(fileIn(link.filename));
  return `${link.bytes} bytes of ${link.content_type}: errand result ${shellWord(job.job_id)} --out ${out}`;
}

/** A name for a file in this folder: no other folder, no hidden file, no option. */
function fileIn(filename: string | null): string {
  return (
    filename
      ?.split(/[\\/]/)
      .at(-1)
      ?.replace(/^[.-]+/, '') || 'result'
  );
}
