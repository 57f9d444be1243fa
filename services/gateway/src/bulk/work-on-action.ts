import { setTimeout as pause } from 'node:timers/promises';
import type { BulkAction } from '@errand/contracts';
import type { Logger } from '@errand/runtime';
import type { EndingsTable } from '../feed/endings-rows.ts';
import type { TenantReads } from '../load/tenant-reads.ts';
import type { RunDeps } from '../runs/runs-group.ts';
import { matchingJobs } from './bulk-filter.ts';
import { begun, counted, ended, type ItemOutcome } from './bulk-progress.ts';
import type { BulkJobs } from './bulk-rows.ts';
import type { BulkHead } from './bulk-store.ts';
import { type HoldDeps, holdAction, persist, RETRY_MS } from './hold-action.ts';
import { handleItem } from './items/handle-item.ts';
import { type PageWork, workOnPage } from './work-on-page.ts';

export interface BulkWorkDeps extends HoldDeps {
  readonly jobs: BulkJobs;
  /** What the handlers of single requests take. */
  readonly runs: RunDeps;
  readonly reads: Pick<TenantReads, 'inTurn'>;
  readonly endings: Pick<EndingsTable, 'readUpTo'>;
  readonly pace: PageWork['pace'];
  /** How many jobs of one bulk action are under way at a time. */
  readonly concurrency: number;
  readonly log: Logger;
}

const PAGE_JOBS = 100;

/**
 * Works on a bulk action until it is done, is aborted or is another process's, or `stop` fires. Does nothing where another
 * process holds it.
 */
export async function workOnAction(head: BulkHead, deps: BulkWorkDeps, stop: AbortSignal): Promise<void> {
  let outcomes = new Map<string, ItemOutcome>();
  const progress = (own: BulkAction) => counted(own, outcomes);
  const held = await holdAction(head, deps, { stop, progress });
  if (!held) return;
  const { claimed, signal, save } = held;
  /** What stood in the record before may have been done, by whoever died over it. */
  let mayBeDone = claimed.page !== null;
  const beganAt = performance.now();
  let isWhole = true;
  try {
    await readModelHas(claimed.up_to, deps, signal);
    for (let action: BulkAction | undefined = claimed; action && !signal.aborted; ) {
      if (!action.page) {
        const jobIds = await nextJobs(action, deps, signal);
        const nowMs = deps.now();
        action = await save((own) =>
          jobIds.length === 0 ? ended(own, nowMs) : begun(own, { jobIds, nowMs }),
        );
        continue;
      }
      outcomes = new Map();
      isWhole = await workOnPage(pageOf(action, { deps, mayBeDone, signal }), outcomes);
      if (signal.aborted) break;
      action = await save(progress);
      mayBeDone = false;
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    await held.release(mayBeDone || !isWhole);
    const { tenant_id, bulk_id, action } = claimed;
    const duration_ms = Math.round(performance.now() - beganAt);
    deps.log.info({ tenant_id, bulk_id, action, duration_ms }, 'bulk_action_released');
  }
}

function pageOf(
  action: BulkAction,
  { deps, mayBeDone, signal }: { deps: BulkWorkDeps; mayBeDone: boolean; signal: AbortSignal },
): PageWork {
  const { at_ms: atMs = 0, job_ids: jobIds = [] } = action.page ?? {};
  const { concurrency, pace, runs, log } = deps;
  return {
    jobIds,
    concurrency,
    pace,
    signal,
    handle: (jobId, wasTried) =>
      handleItem(runs, { action, jobId, atMs, mayBeDone: mayBeDone || wasTried }, log),
  };
}

/** Resolves once the read model has all that was in the log at the acceptance. */
async function readModelHas(
  version: number,
  { endings }: Pick<BulkWorkDeps, 'endings'>,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    const upTo = await persist(signal, () => endings.readUpTo());
    // Without a position nothing was ever projected, and no row is on its way.
    if (upTo === undefined || upTo >= version) return;
    await pause(RETRY_MS, undefined, { signal });
  }
}

async function nextJobs(
  action: BulkAction,
  { jobs, reads, now }: Pick<BulkWorkDeps, 'jobs' | 'reads' | 'now'>,
  signal: AbortSignal,
): Promise<string[]> {
  const matching = matchingJobs(action, now());
  if (!matching) return [];
  const { tenant_id: tenantId, cursor } = action;
  const from = { after: cursor, limit: PAGE_JOBS };
  return persist(signal, () => reads.inTurn(tenantId, () => jobs.page(tenantId, matching, from)));
}
