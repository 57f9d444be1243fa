import { checkObject, checkOptions, type Members } from '../http/check-options.ts';
import { createPages, type Pages } from '../http/pages.ts';
import { path } from '../http/path.ts';
import type { Transport } from '../http/transport.ts';
import { idOf, type JobRef } from '../jobs/job.ts';
import { instantOf, type JobFilter } from '../jobs/list-jobs.ts';
import { CALL, type CallOptions, sendHeaders } from '../jobs/run.ts';
import type { BulkAction, BulkKind } from './bulk-action.ts';

/** Which jobs: those that fit every member that is given; at least one must be. */
export interface BulkFilter
  extends Pick<
    JobFilter,
    'status' | 'action' | 'source' | 'metadata' | 'has' | 'createdAfter' | 'createdBefore'
  > {
  /** At most 1,000. */
  readonly jobs?: readonly JobRef[] | undefined;
}

export interface BulkStartOptions extends CallOptions {
  /** 1-255 visible ASCII characters; default: a random one. */
  readonly idempotencyKey?: string | undefined;
}

export interface BulkListOptions extends CallOptions {
  /** At most 200; default 50. */
  readonly pageSize?: number | undefined;
  readonly cursor?: string | undefined;
}

const FILTER: Members<BulkFilter> = {
  status: true,
  action: true,
  source: true,
  metadata: true,
  createdAfter: true,
  has: true,
  createdBefore: true,
  jobs: true,
};
const START: Members<BulkStartOptions> = { idempotencyKey: true, signal: true };
const LIST: Members<BulkListOptions> = { pageSize: true, cursor: true, signal: true };

/** Cancels, retries or redelivers many jobs, as tasks of the server that can be followed. */
export interface Bulk {
  /** Of all jobs of the filter that were requested before. A second start with the same `idempotencyKey` finds the first. */
  start(action: BulkKind, filter: BulkFilter, options?: BulkStartOptions): Promise<BulkAction>;
  /** How many jobs the same would be about; nothing is done. */
  count(action: BulkKind, filter: BulkFilter, options?: CallOptions): Promise<number>;
  /** Newest first, of the last 7 days. */
  list(options?: BulkListOptions): Pages<BulkAction>;
  get(bulkId: string, options?: CallOptions): Promise<BulkAction>;
  /** Stops before the next job. @throws ErrandError `bulk_action_ended` */
  abort(bulkId: string, options?: CallOptions): Promise<BulkAction>;
  /** Goes on where it was stopped. @throws ErrandError `bulk_action_ended`, `too_many_bulk_actions` */
  resume(bulkId: string, options?: CallOptions): Promise<BulkAction>;
}

export function createBulk(transport: Transport): Bulk {
  function at<T>(method: 'GET' | 'POST', route: string, options: CallOptions = {}): Promise<T> {
    checkOptions(options, CALL);
    return transport.json({ method, path: route, isRepeatable: true, signal: options.signal });
  }
  return {
    async start(action, filter, options = {}) {
      checkOptions(options, START);
      return transport.json({
        method: 'POST',
        path: '/bulk-actions',
        body: { action, filter: filterOf(filter) },
        headers: sendHeaders(options),
        isRepeatable: true,
        signal: options.signal,
      });
    },
    async count(action, filter, options = {}) {
      checkOptions(options, CALL);
      const body = { action, filter: filterOf(filter), dry_run: true };
      const { signal } = options;
      const request = { method: 'POST', path: '/bulk-actions', body, isRepeatable: true, signal } as const;
      return (await transport.json<{ matched: number }>(request)).matched;
    },
    list: (options = {}) =>
      createPages(async (cursor) => {
        checkOptions(options, LIST);
        const { bulk_actions: items, next_cursor: nextCursor } = await transport.json<{
          bulk_actions: BulkAction[];
          next_cursor: string | null;
        }>({
          method: 'GET',
          path: '/bulk-actions',
          query: { limit: options.pageSize, cursor },
          signal: options.signal,
        });
        return { items, nextCursor };
      }, options?.cursor),
    get: async (id, options) => at('GET', path`/bulk-actions/${id}`, options),
    abort: async (id, options) => at('POST', path`/bulk-actions/${id}/abort`, options),
    resume: async (id, options) => at('POST', path`/bulk-actions/${id}/resume`, options),
  };
}

/** @throws UsageError */
function filterOf(filter: BulkFilter): object {
  const given: unknown = filter;
  checkObject(given, 'the filter');
  checkOptions(given, FILTER, 'the filter');
  const { status, action, source, metadata, has, createdAfter, createdBefore, jobs } = filter;
  return {
    status: arrayOf(status),
    action: arrayOf(action),
    source: arrayOf(source),
    metadata,
    created_after: instantOf(createdAfter),
    q: has,
    created_before: instantOf(createdBefore),
    job_ids: jobs?.map(idOf),
  };
}

function arrayOf<T extends string>(values: T | readonly T[] | undefined): readonly T[] | undefined {
  return typeof values === 'string' ? [values] : values;
}
