import type { BulkAction } from '@errand/contracts';
import type { RunDeps } from '../../runs/runs-group.ts';
import type { ItemOutcome } from '../bulk-progress.ts';

/** One job of a bulk action. */
export interface BulkItem {
  readonly action: BulkAction;
  readonly jobId: string;
  /** When its page was read, in Unix milliseconds: the same however often the page is done. */
  readonly atMs: number;
  /** It may have been done before, by another process or by an attempt without an answer. */
  readonly mayBeDone: boolean;
}

/** Does it, or throws what the same request of a caller would be refused with. */
export type HandleItem = (deps: RunDeps, item: BulkItem) => Promise<ItemOutcome>;

export const DONE: ItemOutcome = { kind: 'done' };
