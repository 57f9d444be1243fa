import { EventTooLarge, HistoryOutOfReach, LogUnavailable } from '@errand/bus';
import type { BulkKind } from '@errand/contracts';
import type { Logger } from '@errand/runtime';
import { isPassing, type ProblemCode, problemDetail, Refusal } from '../../http/problem.ts';
import type { RunDeps } from '../../runs/runs-group.ts';
import type { ItemOutcome } from '../bulk-progress.ts';
import { cancelItem } from './cancel-item.ts';
import type { BulkItem, HandleItem } from './item.ts';
import { redeliverItem } from './redeliver-item.ts';
import { retryItem } from './retry-item.ts';

const HANDLERS: Record<BulkKind, HandleItem> = {
  cancel: cancelItem,
  retry: retryItem,
  redeliver: redeliverItem,
};

const WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 10_000;

/**
 * What became of a job, or after how many milliseconds it is to be tried again. `mayBeDone`: the attempt had no answer, so
 * nobody knows.
 */
export type ItemResult =
  | ItemOutcome
  | { readonly kind: 'wait'; readonly waitMs: number; readonly mayBeDone: boolean };

/** Never throws: of a fault of ours the caller sees a fixed sentence. */
export async function handleItem(deps: RunDeps, item: BulkItem, log: Logger): Promise<ItemResult> {
  const { action, jobId } = item;
  try {
    return await HANDLERS[action.action](deps, item);
  } catch (error) {
    if (error instanceof Refusal) return resultOfRefusal(error);
    if (error instanceof EventTooLarge) return failed('too_large');
    if (error instanceof HistoryOutOfReach) return failed('history_out_of_reach');
    if (error instanceof LogUnavailable) return { kind: 'wait', waitMs: WAIT_MS, mayBeDone: true };
    log.error({ err: error, bulk_id: action.bulk_id, job_id: jobId }, 'bulk_item_failed');
    return failed('internal_error', 'An internal error occurred; the log of the gateway has it.');
  }
}

function resultOfRefusal({ code, options }: Refusal): ItemResult {
  if (isPassing(code)) {
    const askedMs = Number(options.headers?.['retry-after'] ?? 0) * 1_000;
    const waitMs = Math.min(LONGEST_WAIT_MS, Math.max(WAIT_MS, askedMs));
    return { kind: 'wait', waitMs, mayBeDone: false };
  }
  const [first] = options.errors ?? [];
  const where = first && `${first.pointer ?? first.parameter ?? ''} ${first.detail}`;
  return failed(code, where ?? options.detail);
}

function failed(code: ProblemCode, detail: string = problemDetail(code)): ItemOutcome {
  return { kind: 'failed', code, detail };
}
