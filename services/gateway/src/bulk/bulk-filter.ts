import { type BulkAction, uuidV7Floor } from '@errand/contracts';
import { firstListedId, narrowTo, type WantedJobs } from '../jobs/list/list-query.ts';

/** The jobs that a bulk action is about. */
export interface MatchingJobs extends WantedJobs {
  /** Undefined: any. */
  readonly jobIds: readonly string[] | undefined;
  /** Only jobs that were requested up to this version. */
  readonly upTo: number;
}

/** What a filter means now, for the jobs that its key is for; undefined: there can be none. */
export function matchingJobs(
  { filter, only, up_to: upTo }: Pick<BulkAction, 'filter' | 'only' | 'up_to'>,
  nowMs: number,
): MatchingJobs | undefined {
  const { status = [], action = [], source = [], metadata = {}, job_ids: jobIds } = filter;
  const { created_after: after, created_before: before, q: text } = filter;
  const wanted = {
    statuses: status,
    actions: action,
    sources: source,
    metadata: new Map(Object.entries(metadata)),
    text,
    fromId: firstListedId(nowMs, after === undefined ? undefined : Date.parse(after)),
    belowId: before === undefined ? undefined : uuidV7Floor(Date.parse(before)),
    jobIds,
    upTo,
  };
  return narrowTo<MatchingJobs>(wanted, only);
}
