import type { Job } from '../api/answers.ts';
import { durationOf } from '../parts/time.tsx';

/** Why a job has not begun, or what it does, in words; undefined once it has ended well. */
export function whyOf(job: Job, nowMs: number): string | undefined {
  const { status, queue, attempt, errors, cancel_requested: isCanceling } = job;
  const next = attempt.next_at === null ? undefined : durationOf(Date.parse(attempt.next_at) - nowMs);
  if (isCanceling && (status === 'queued' || status === 'running')) return 'It is being canceled.';
  if (status === 'queued') {
    const before = queue?.jobs_before
      ? ` ${queue.jobs_before.toLocaleString()} jobs of this action are before it.`
      : '';
    switch (queue?.waits_for) {
      case 'time':
        return attempt.number > 0 ? `It is tried again in ${next}.` : `It starts in ${next}, as asked.`;
      case 'turn':
        return `It waits for its turn: other tenants have theirs.${before}`;
      case 'limit':
        return `The tenant runs as many jobs as it may.${before}`;
      case 'key':
        return `As many jobs with its concurrency key run as may.${before}`;
      case 'pause':
        return `The tenant or the action is paused.${before}`;
      case 'executor':
        return 'It is handed out; no slot of an executor is free, or no executor serves the action.';
      default:
        return next === undefined ? 'It waits for an executor.' : `It begins in ${next}.`;
    }
  }
  if (status === 'running' && next !== undefined) {
    const what =
      attempt.waits_for === 'callback'
        ? 'a call of the system that does its work'
        : 'its operation elsewhere';
    return `It waits for ${what}, until ${next} from now.`;
  }
  const fault = errors.at(-1);
  if (!fault) return undefined;
  const tries = status === 'failed' ? ` (attempt ${attempt.number} of ${attempt.max ?? '?'})` : '';
  return `${fault.code} – ${fault.message}${tries}`;
}
