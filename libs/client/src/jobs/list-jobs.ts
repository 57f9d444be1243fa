import { UsageError } from '../errors.ts';
import { checkOptions, type Members } from '../http/check-options.ts';
import { createPages, type Pages } from '../http/pages.ts';
import type { Transport } from '../http/transport.ts';
import type { JobStatus, JobSummary } from './job.ts';

export interface JobFilter {
  /** Any of these; likewise for each filter. */
  readonly status?: JobStatus | readonly JobStatus[] | undefined;
  readonly action?: string | readonly string[] | undefined;
  readonly source?: string | readonly string[] | undefined;
  /** The beginning of a job's id, a value of its metadata, or an error's code. */
  readonly has?: string | undefined;
  readonly createdAfter?: Date | string | undefined;
  readonly createdBefore?: Date | string | undefined;
  /** Entries that a job's metadata must have, all of them. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /** At most 200; default 50. */
  readonly pageSize?: number | undefined;
  readonly cursor?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

const FILTER: Members<JobFilter> = {
  status: true,
  action: true,
  source: true,
  has: true,
  createdAfter: true,
  createdBefore: true,
  metadata: true,
  pageSize: true,
  cursor: true,
  signal: true,
};

/** The tenant's jobs of the last 7 days, newest first. A job that was just requested may be missing for a moment. */
export function listJobs(transport: Transport, filter: JobFilter = {}): Pages<JobSummary> {
  return createPages(async (cursor) => {
    checkOptions(filter, FILTER, 'the filter');
    const {
      status,
      action,
      source,
      has,
      createdAfter,
      createdBefore,
      metadata = {},
      pageSize,
      signal,
    } = filter;
    const { jobs, next_cursor } = await transport.json<{ jobs: JobSummary[]; next_cursor: string | null }>({
      method: 'GET',
      path: '/jobs',
      signal,
      query: {
        status: listOf(status),
        action: listOf(action),
        source: listOf(source),
        q: has,
        limit: pageSize,
        cursor,
        created_after: instantOf(createdAfter),
        created_before: instantOf(createdBefore),
        ...Object.fromEntries(Object.entries(metadata).map(([key, value]) => [`metadata.${key}`, value])),
      },
    });
    return { items: jobs, nextCursor: next_cursor };
  }, filter?.cursor);
}

export function listOf(values: string | readonly string[] | undefined): string | undefined {
  return typeof values === 'string' ? values : values?.join(',');
}

/** @throws UsageError for an invalid Date */
export function instantOf(time: Date | string | undefined): string | undefined {
  if (!(time instanceof Date)) return time;
  if (Number.isNaN(time.getTime())) throw new UsageError('an invalid Date was given');
  return time.toISOString();
}
