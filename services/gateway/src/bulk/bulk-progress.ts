import { BULK_MAX_FAILURES, type BulkAction } from '@errand/contracts';

/*
 * How a bulk action moves on. `state` is what callers see; who works on it and what is under way is in `lease` and `page`.
 *
 *   running   claimed (lease), begun (page), counted (page shrinks, cursor moves), and again; ended when no page is left
 *   aborted   counted and released by whoever works on it; resumed goes on behind the cursor
 *   done      nothing follows
 *
 * A page stands in the record before its jobs are touched. It is dropped without having been done only by whoever knows
 * that none of it was touched.
 */

/** What became of one job. */
export type ItemOutcome =
  | { readonly kind: 'done' }
  | { readonly kind: 'skipped'; readonly reason: string }
  | { readonly kind: 'failed'; readonly code: string; readonly detail: string };

/** Whether anybody may begin to work on it. */
export function isFree({ state, lease }: Pick<BulkAction, 'state' | 'lease'>, nowMs: number): boolean {
  return state === 'running' && (lease === null || lease.until_ms <= nowMs);
}

/** Held by an owner for so long from now on. */
export function leased(
  action: BulkAction,
  { owner, nowMs, leaseMs }: { owner: string; nowMs: number; leaseMs: number },
): BulkAction {
  return {
    ...action,
    started_at: action.started_at ?? new Date(nowMs).toISOString(),
    lease: { owner, until_ms: Math.ceil(nowMs + leaseMs) },
  };
}

/** With the next jobs to be done. One whose page is not done yet keeps that. */
export function begun(action: BulkAction, page: { jobIds: readonly string[]; nowMs: number }): BulkAction {
  if (action.page) return action;
  return { ...action, page: { at_ms: Math.floor(page.nowMs), job_ids: [...page.jobIds] } };
}

/** The jobs of the page up to the first one without an outcome are counted and taken out of it. */
export function counted(action: BulkAction, outcomes: ReadonlyMap<string, ItemOutcome>): BulkAction {
  const { page } = action;
  if (!page) return action;
  const counts = { ...action.counts };
  const skips = { ...action.skips };
  const failures = [...action.failures];
  let over = 0;
  for (const job_id of page.job_ids) {
    const outcome = outcomes.get(job_id);
    if (!outcome) break;
    over++;
    counts[outcome.kind]++;
    if (outcome.kind === 'skipped') skips[outcome.reason] = (skips[outcome.reason] ?? 0) + 1;
    if (outcome.kind === 'failed' && failures.length < BULK_MAX_FAILURES) {
      const { code, detail } = outcome;
      failures.push({ job_id, code, detail: detail.slice(0, 500) });
    }
  }
  if (over === 0) return action;
  const job_ids = page.job_ids.slice(over);
  return {
    ...action,
    counts,
    skips,
    failures,
    cursor: page.job_ids[over - 1] ?? action.cursor,
    page: job_ids.length === 0 ? null : { ...page, job_ids },
  };
}

/** Nobody's any more. `keepsPage`: some of its page may have been done. */
export function released(action: BulkAction, keepsPage: boolean): BulkAction {
  return { ...action, lease: null, page: keepsPage ? action.page : null };
}

export function ended(action: BulkAction, nowMs: number): BulkAction {
  return { ...action, state: 'done', ended_at: new Date(nowMs).toISOString(), lease: null };
}

/** Only what runs is aborted. Whoever works on it sees that, and releases it. */
export function aborted(action: BulkAction, nowMs: number): BulkAction {
  if (action.state !== 'running') return action;
  return { ...action, state: 'aborted', ended_at: new Date(nowMs).toISOString() };
}

export function resumed(action: BulkAction): BulkAction {
  return action.state === 'aborted' ? { ...action, state: 'running', ended_at: null } : action;
}
